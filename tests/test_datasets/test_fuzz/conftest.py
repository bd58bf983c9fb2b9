"""A small valid source of each format, and what can be done to it."""

import json
import os
import re
import shutil
import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import strategies as st

HEAD = 'name: toy\ntasks: {tasks}\nprompt: Malaria\nclasses: {{RBC: RBC, ring: ring}}\nconverter: {name}\n'


def png(seed: int, shape: tuple[int, ...] = (20, 24, 3)) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 255, shape, np.uint8)
    return cv2.imencode('.png', pixels)[1].tobytes()


def mask_png(first: int = 0, second: int = 255) -> bytes:
    pixels = np.full((20, 24), first, np.uint8)
    pixels[4:10, 4:12] = second
    return cv2.imencode('.png', pixels)[1].tobytes()


def colour_mask_png() -> bytes:
    pixels = np.zeros((20, 24, 3), np.uint8)
    pixels[4:10, 4:12] = (0, 1, 248)
    pixels[12:16, 3:9] = (250, 0, 0)
    return cv2.imencode('.png', pixels)[1].tobytes()


def voc_xml(stem: str) -> str:
    return (
        f'<annotation><folder>JPEGImages</folder><filename>{stem}.png</filename>\n'
        '<size><width>24</width><height>20</height><depth>3</depth></size>\n'
        '<object><name>RBC</name><difficult>0</difficult><bndbox><xmin>2</xmin><ymin>3</ymin>'
        '<xmax>12</xmax><ymax>15</ymax></bndbox></object>\n</annotation>\n'
    )


def coco_json() -> str:
    images = [
        {'id': index + 1, 'file_name': f'{name}.png', 'width': 24, 'height': 20}
        for index, name in enumerate('abc')
    ]
    polygon = [[2, 3, 12, 3, 12, 15]]
    box = {'image_id': 1, 'category_id': 3, 'bbox': [2, 3, 10, 12], 'area': 60, 'iscrowd': 0}
    annotations = [{'id': 1, **box, 'segmentation': polygon}, {'id': 2, **box, 'image_id': 2}]
    categories = [{'id': 3, 'name': 'RBC'}, {'id': 7, 'name': 'ring'}]
    return json.dumps({'images': images, 'annotations': annotations, 'categories': categories})


def row_column_json(name: str) -> str:
    corners = {'minimum': {'r': 3, 'c': 2}, 'maximum': {'r': 15, 'c': 12}}
    image = {'pathname': f'/images/{name}.png', 'shape': {'r': 20, 'c': 24, 'channels': 3}}
    return json.dumps([{'image': image, 'objects': [{'category': 'RBC', 'bounding_box': corners}]}])


UNI_HEMA = {
    'objects': {
        'images': [{'id': 7, 'file_name': 'a.png', 'width': 24, 'height': 20}],
        'annotations': [
            {'id': 1, 'image_id': 7, 'category_id': 3, 'bbox': [2, 3, 10, 12], 'prompt': 'Malaria'},
            {'id': 2, 'image_id': 7, 'category_id': 3, 'bbox': [9, 3, 4, 5], 'nuclear_chromatio': 1},
        ],
        'categories': [{'id': 3, 'name': 'RBC'}],
    },
    'texts': {
        'images': [{'id': 1, 'file_name': 'b.png'}, {'id': 2, 'file_name': 'b.png'}],
        'annotations': [
            {'id': 1, 'image_id': 1, 'Question': 'Is it a ring?', 'Answer': 'Yes, it is.'},
            {'id': 2, 'image_id': 2, 'masked_comment': 'A <extra_id_0>.', 'completed_text': 'A ring.'},
            {'id': 3, 'image_id': 2, 'class_name': 'ring', 'category_id': 1},
        ],
        'categories': [{'id': 1, 'name': 'ring'}],
    },
    'masks': {
        'images': [{'id': 0, 'file_name': 'c.png'}],
        'annotations': [{'id': 0, 'image_id': 0, 'mask_name': 'c.png', 'prompt': 'Malaria'}],
    },
}


def uni_hema_json(kind: str) -> str:
    return json.dumps(UNI_HEMA[kind])


IMAGES = {f'images/{name}.png': png(number) for number, name in enumerate('abc')}
BOX_HEADINGS = 'filename,class,xmin,ymin,xmax,ymax\n'
KITTI = (
    'RBC 0.00 0 1.85 2.00 3.00 12.25 15.50 1.57 1.50 3.78 2.53 1.52 6.09 -1.60\n'
    'DontCare -1 -1 -10 15 3 20 15 -1 -1 -1 -1000 -1000 -1000 -10\n'
)
YOLO = '0 0.5 0.5 0.25 0.3\n1 0.3 0.35 0.2 0.2\n'
# Format, and a variant of it -> tasks of the entry, its parameters (YAML), files of the source.
MINIATURES = {
    'voc': (
        '[det]',
        '{images: images}',
        IMAGES
        | {f'Annotations/{name}.xml': voc_xml(name) for name in 'abc'}
        | {'ImageSets/Main/train.txt': 'a\nb\n', 'ImageSets/Main/val.txt': 'c\n'},
    ),
    'yolo': (
        '[det]',
        '{}',
        {f'images/train/{name}.png': png(number) for number, name in enumerate('ab')}
        | {f'labels/train/{name}.txt': YOLO for name in 'ab'}
        | {'images/val/c.png': png(2), 'labels/val/c.txt': YOLO, 'classes.txt': 'RBC\nring\n'}
        | {'data.yaml': 'train: ./images/train/\nval: images/val\nnc: 2\nnames: [RBC, ring]\n'},
    ),
    'coco': (
        '[det]',
        '{splits: {train: annotations/train.json:images}}',
        IMAGES | {'annotations/train.json': coco_json()},
    ),
    'row_column': (
        '[det]',
        '{splits: {train: training.json, test: test.json}}',
        IMAGES | {'training.json': row_column_json('a'), 'test.json': row_column_json('b')},
    ),
    'points': (
        '[det]',
        "{images: 'images/{key}.png', labels: 'labels/{key}.txt', box_side: 6, hold_out: {val: 1}}",
        IMAGES | {f'labels/{name}.txt': '5 6 RBC\n12.5 9 ring\n' for name in 'abc'},
    ),
    'yolo_masks': (
        '[det, seg, inst]',
        "{images: 'images/{key}.png', masks: 'masks/{key}.png', labels: {train: 'labels/{key}.txt'}, "
        'names: [RBC, ring], target: cell}',
        IMAGES
        | {f'masks/{name}.png': mask_png() for name in 'abc'}
        | {f'labels/{name}.txt': YOLO for name in 'abc'},
    ),
    'mask_image': (
        '[cls, seg, det, inst]',
        "{images: 'images/{key}.png', masks: 'masks/M_{key}.png', levels: [0, 128, 255], "
        'targets: {cell: [128, 255], nucleus: [255]}, instances: {ring: [255]}, '
        'class_table: {file: t.csv, key: id, value: kind}, '
        'splits: {train: train.txt, val: val.txt}}',
        IMAGES
        | {f'masks/M_{name}.png': mask_png(128) for name in 'abc'}
        | {'t.csv': 'id,kind\na,RBC\nb,RBC\nc,ring\n', 'train.txt': 'a\nb\n', 'val.txt': 'c\n'},
    ),
    'mask_image, colours': (
        '[seg, det, inst]',
        "{images: 'images/{key}.png', masks: 'masks/{key}.png', "
        'levels: {none: [0, 0, 0], cell: [250, 0, 0], ring: [0, 0, 250]}, quantise: true, '
        'targets: {cell: [cell, ring]}, instances: {RBC: [cell], ring: [ring]}, least_area: 2}',
        IMAGES | {f'masks/{name}.png': colour_mask_png() for name in 'abc'},
    ),
    'attribute_csv': (
        '[cls]',
        "{images: 'images/{key}', tables: {train: train.csv, val: val.csv}, image_column: name, "
        'class_column: label, ignored_columns: [path], name_map: {file: map.csv, key: old, value: new}}\n'
        'attributes: wbcatt',
        IMAGES
        | {
            'train.csv': 'name,label,cell_size,path\nA.bmp,RBC,big,x\nB.bmp,ring,,y\n',
            'val.csv': 'name,label,cell_size,path\nC.bmp,RBC,small,"x,y"\n',
            'map.csv': 'old,new\nA.bmp,a.png\nB.bmp,b.png\nC.bmp,c.png\n',
        },
    ),
}


MINIATURES |= {
    'kitti': (
        '[det]',
        '{annotations: labels, images: images, splits: {train: train.txt, val: val.txt}}',
        IMAGES | {f'labels/{name}.txt': KITTI for name in 'abc'} | {'train.txt': 'a\nb\n', 'val.txt': 'c\n'},
    ),
    'box_csv': (
        '[det]',
        '{splits: {train: train.csv, val: val.csv}, images: images}',
        IMAGES
        | {
            'train.csv': f'{BOX_HEADINGS}a.png,RBC,2,3,12,15\nb,ring,1.5,2,9,9\nb,RBC,0,0,5,5\n',
            'val.csv': f'{BOX_HEADINGS}c.png,,,,,\n',
        },
    ),
    'class_csv': (
        '[cls]',
        "{images: 'images/{key}.png', splits: {train: train.csv, val: [val.csv]}, image_column: id, "
        "class_column: 2, separator: ';'}",
        IMAGES | {'train.csv': 'id,kind\na,RBC\nb,ring; ring\n', 'val.csv': 'id,kind\nc,RBC\n'},
    ),
    'class_folders': (
        '[cls]',
        "{images: '{split}/{class}/*'}",
        {
            f'{path}.png': png(number)
            for number, path in enumerate(('train/RBC/a', 'train/ring/b', 'test/RBC/c'))
        },
    ),
    'uni_hema_json': (
        '[det, morph, cls, seg, vqa, mlm]',
        '{splits: {train: [objects.json:images, texts.json:images], val: masks.json:images}, masks: masks}\n'
        'attributes: leukemia_attri',
        IMAGES | {'masks/c.png': mask_png()} | {f'{kind}.json': uni_hema_json(kind) for kind in UNI_HEMA},
    ),
}


@dataclass(frozen=True)
class Link:
    """A symbolic link in place of a file."""

    target: str


@dataclass(frozen=True)
class Miniature:
    """A valid source: the YAML text of its entry, and path -> content."""

    name: str
    entry: str
    files: dict[str, bytes] = field(repr=False)


def _miniature(name: str) -> Miniature:
    tasks, parameters, files = MINIATURES[name]
    entry = HEAD.format(name=name.partition(',')[0], tasks=tasks) + f'parameters: {parameters}\n'
    content = {path: text if isinstance(text, bytes) else text.encode() for path, text in files.items()}
    return Miniature(name, entry, content)


NUMBERS = [
    *('0', '-1', '1.5', 'NaN', 'nan', 'Infinity', '-inf', '1e400', '1e308', '-1e308', '1e-320'),
    *('9' * 20, '9' * 5000, '0x10', '1_0', '\u0661'),
]
NAMES = [
    *('../../escaped', '../a', '/etc/passwd', 'C:\\x', '..\\..\\x', 'a\\b', '.', '..', '/', '~', 'a/../b'),
    *('', ' ', '*', '{key}', '[a]', 'x' * 300, 'a\u0000b', 'é', '細胞', '\u202egnp', 'a\nb', 'a\u2028b'),
]
TOKENS = [*NUMBERS, *NAMES, 'null', 'true', '[]', '{}', '"', "'", '<', '&', ',', ':', '2020-13-45']
VALUES = st.sampled_from(
    [
        *(None, True, False, 0, -1, 1, 2.5, 1e308, float('nan'), float('inf'), 10**30, 10**400, '', 'RBC'),
        *([], {}, [[]], [None], {'a': 1}, [1, 2, 3, 4], [float('nan')] * 4, 'x' * 1000, '1', *NAMES),
        [[1, 2, 3]] * 3,
    ]
)
_TOKEN = re.compile(r'[\w.+\-/]+')


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it is huge."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = zlib.crc32(kind + content)
        return struct.pack('>I', len(content)) + kind + content + struct.pack('>I', check)

    header = struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)
    parts = ((b'IHDR', header), (b'IDAT', zlib.compress(bytes(1000))), (b'IEND', b''))
    return b'\x89PNG\r\n\x1a\n' + b''.join(chunk(*part) for part in parts)


def _jpeg() -> bytes:
    return cv2.imencode('.jpg', np.zeros((20, 24, 3), np.uint8))[1].tobytes()


PICTURES = [
    *(bomb(60000, 60000), bomb(20000, 20000), bomb(2**31 - 1, 1), bomb(0, 0), png(9, (1, 1, 3))),
    *(png(9, (20, 24, 4)), png(9, (20, 24)), _jpeg(), _jpeg()[:-100], b'GIF89a', b'BM' + bytes(60), b'RIFF'),
    cv2.imencode('.png', np.zeros((20, 24), np.uint16))[1].tobytes(),
    cv2.imencode('.tiff', np.zeros((20, 24, 3), np.uint8))[1].tobytes(),
]


def _spoil_bytes(draw, content: bytes) -> bytes:
    place = draw(st.integers(0, len(content)))
    kind = draw(st.sampled_from(['cut', 'flip', 'insert', 'empty', 'noise', 'bom', 'crlf', 'twice']))
    if kind == 'cut':
        return content[:place]
    if kind == 'flip':
        return content[:place] + bytes([draw(st.integers(0, 255))]) + content[place + 1 :]
    if kind == 'insert':
        byte = draw(st.sampled_from([b'\0', b'\xff', b'\n', b'\r', b'\x1a']))
        return content[:place] + byte + content[place:]
    return {
        'empty': b'',
        'noise': draw(st.binary(max_size=40)),
        'bom': b'\xef\xbb\xbf' + content,
        'crlf': content.replace(b'\n', b'\r\n'),
        'twice': content + content,
    }[kind]


def _spoil_text(draw, content: bytes) -> bytes:
    text = content.decode('latin-1')
    kind = draw(st.sampled_from(['token', 'token', 'token', 'line', 'repeat', 'encode', 'nest', 'spaces']))
    tokens = list(_TOKEN.finditer(text))
    if kind == 'token' and tokens:
        token = draw(st.sampled_from(tokens))
        return (text[: token.start()] + draw(st.sampled_from(TOKENS)) + text[token.end() :]).encode()
    lines = text.splitlines(keepends=True) or ['']
    place = draw(st.integers(0, len(lines) - 1))
    if kind == 'line':
        return ''.join(lines[:place] + lines[place + 1 :]).encode()
    if kind == 'repeat':
        return ''.join(lines[: place + 1] + lines[place:]).encode()
    if kind == 'nest':
        return (draw(st.sampled_from(['[', '{"a":', '<a>', '(', '"'])) * 20000).encode()
    if kind == 'spaces':
        return text.replace(' ', '\t \u00a0').encode()
    return f'é{text}'.encode(draw(st.sampled_from(['utf-16', 'latin-1', 'utf-32', 'utf-8', 'cp500'])))


def _spoil_content(draw, content: bytes) -> bytes:
    return _spoil_bytes(draw, content) if draw(st.booleans()) else _spoil_text(draw, content)


def spoil_json(draw, value):
    """Replace, drop or repeat one value somewhere in a JSON document."""
    if isinstance(value, dict | list) and value and draw(st.integers(0, 9)):
        places = list(value) if isinstance(value, dict) else range(len(value))
        place = draw(st.sampled_from(places))
        copy = type(value)(value)
        kind = draw(st.sampled_from(['enter'] * 6 + ['drop', 'repeat', 'rename']))
        if kind == 'drop':
            del copy[place]
        elif kind == 'repeat' and isinstance(value, list):
            copy.append(value[place])
        elif kind == 'rename' and isinstance(value, dict):
            copy[draw(st.sampled_from(NAMES))] = copy.pop(place)
        else:
            copy[place] = spoil_json(draw, value[place])
        return copy
    return draw(VALUES)


def _spoil_file(draw, path: str, content: bytes) -> bytes | Link | None:
    kinds = ['bytes', 'bytes', 'absent', 'folder', 'link']
    is_image = path.endswith('.png')
    kind = draw(st.sampled_from(kinds + ['picture' if is_image else 'text'] * 6))
    if kind == 'link':
        targets = ('/etc/hostname', '/etc', 'nowhere', Path(path).name, '../outside/secret.png', '/dev/null')
        return Link(draw(st.sampled_from(targets)))
    if kind in ('absent', 'folder'):
        return None if kind == 'absent' else b'<folder>'
    if kind == 'bytes':
        return _spoil_bytes(draw, content)
    if is_image:
        return draw(st.sampled_from(PICTURES))
    if path.endswith('.json') and draw(st.booleans()):
        try:
            return json.dumps(spoil_json(draw, json.loads(content))).encode()
        except (ValueError, RecursionError):
            pass  # spoilt before
    return _spoil_text(draw, content)


@st.composite
def _spoiled(draw, files: dict[str, bytes]) -> dict[str, bytes | Link | None]:
    """Draw what becomes of some of the files, and new ones."""
    changes: dict[str, bytes | Link | None] = {}
    for _ in range(draw(st.integers(1, 2))):
        # Labels, lists and tables hold more that can go wrong than pictures.
        texts = [path for path in files if not path.endswith('.png')]
        path = draw(st.sampled_from(texts * 3 + list(files)))
        content = changes.get(path, files[path])
        if isinstance(content, bytes):
            changes[path] = _spoil_file(draw, path, content)
    if draw(st.integers(0, 9)) == 9:
        path = Path(draw(st.sampled_from(list(files))))
        name = draw(st.sampled_from([f'{path.stem} 1{path.suffix}', f'ä\n{path.suffix}', f'{path.stem}.JPG']))
        changes[str(path.with_name(name))] = files[str(path)]
    return changes


def write_source(root: Path, files: dict[str, bytes | Link | None]) -> None:
    """Make the source folder, beside a folder ``outside`` that a link may point to."""
    outside = root.parent / 'outside'
    outside.mkdir(parents=True, exist_ok=True)
    (outside / 'secret.png').write_bytes(png(5))
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Link):
            path.symlink_to(content.target)
        elif content == b'<folder>':
            path.mkdir()
        elif content is not None:
            path.write_bytes(content)


def snapshot(root: Path) -> dict[str, object]:
    """Path -> content, target or ``None`` of everything below a folder."""

    def content(path: str) -> object:
        if os.path.islink(path):
            return os.readlink(path)
        return None if os.path.isdir(path) else (Path(path).read_bytes(), os.stat(path).st_mtime_ns)

    paths = (
        os.path.join(folder, name) for folder, folders, files in os.walk(root) for name in (*folders, *files)
    )
    return {os.path.relpath(path, root): content(path) for path in paths}


def pytest_generate_tests(metafunc):
    if 'miniature' in metafunc.fixturenames:
        metafunc.parametrize('miniature', [_miniature(name) for name in MINIATURES], ids=list(MINIATURES))


@pytest.fixture(scope='session')
def fuzz():
    """The parts that the tests of this folder share."""

    class Fuzz:
        names = tuple(MINIATURES)
        make = staticmethod(_miniature)
        spoiled, spoil_json = staticmethod(_spoiled), staticmethod(spoil_json)
        spoil_content, mask_png = staticmethod(_spoil_content), staticmethod(mask_png)
        bomb, png, link = staticmethod(bomb), staticmethod(png), Link
        write_source, snapshot = staticmethod(write_source), staticmethod(snapshot)

    return Fuzz


@pytest.fixture(scope='session')
def empty_folder(tmp_path_factory):
    """Callable -> an empty folder, the same one each time."""
    root = tmp_path_factory.mktemp('fuzz') / 'example'

    def make() -> Path:
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir()
        return root

    return make
