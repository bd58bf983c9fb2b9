import json
import shutil
from dataclasses import replace

import pytest

from unihema_mm.datasets.catalogue import load_entry, read_entry
from unihema_mm.datasets.converters import convert
from unihema_mm.datasets.schema import DataError
from unihema_mm.datasets.validation import check_path

ENTRY = """
name: toy
tasks: [det]
prompt: Malaria
classes: {red blood cell: RBC, ring: ring}
converter: row_column
parameters:
  splits: {train: malaria/training.json, test: malaria/test.json}
  images: malaria
"""


def record(name='a.jpg', *objects, shape=(30, 40)):
    image = {
        'checksum': 'x',
        'pathname': f'/images/{name}',
        'shape': {'r': shape[0], 'c': shape[1], 'channels': 3},
    }
    boxes = [
        {
            'bounding_box': {'minimum': {'r': top, 'c': left}, 'maximum': {'r': bottom, 'c': right}},
            'category': category,
        }
        for category, top, left, bottom, right in objects
    ]
    return {'image': image, 'objects': boxes}


CELL = ('red blood cell', 2, 5, 12, 25)


@pytest.fixture
def source(tmp_path, tools):
    """Two images in train, one of them without objects and with another suffix; one image in test."""
    root = tmp_path / 'source'
    for name, suffix in (('a', '.jpg'), ('b', '.png'), ('c', '.jpg')):
        tools.image(root / 'malaria' / 'images' / f'{name}{suffix}', suffix)
    write(root, [record('b.jpg'), record('a.jpg', CELL, ('ring', 0, 0, 30, 40))])
    write(root, [record('c.jpg', CELL)], 'test')
    return root


def write(root, records, name='training'):
    (root / 'malaria' / f'{name}.json').write_text(json.dumps(records))


def run(source, text=ENTRY, out='out'):
    out = source.parent / out
    return convert(read_entry(text, 'toy.yaml'), source, out), out


def test_rows_are_y_and_columns_are_x(source):
    report, out = run(source)
    document = json.loads((out / 'annotations' / 'train.json').read_text())
    assert [item['bbox'] for item in document['annotations']] == [[5, 2, 20, 10], [0, 0, 40, 30]]
    assert [image['source'] for image in document['images']] == [
        'malaria/images/a.jpg',
        'malaria/images/b.png',
    ]
    assert {split: counts['images'] for split, counts in report.splits.items()} == {'train': 2, 'test': 1}
    assert set(report.changes) == {'keys_dropped'} and len(report.changes['keys_dropped']) == 2
    assert check_path(out, decode=True).faults == []


def test_missing_split_file_and_missing_images(source):
    (source / 'malaria' / 'training.json').unlink()
    report, _ = run(source)
    assert report.changes['split_missing'] == ['train: malaria/training.json']
    (source / 'malaria' / 'images' / 'c.jpg').unlink()
    with pytest.raises(DataError, match=r'test.json: record 1: images/c.jpg: file: image: .*does not exist'):
        run(source, out='other')
    with pytest.raises(DataError, match='images: no image was found'):
        run(source, ENTRY + '  unpaired: skip\n', 'other')


def test_shape_differs(source):
    write(source, [record('a.jpg', CELL, shape=(40, 30))])
    with pytest.raises(DataError, match=r'a.jpg: image: size: is 40x30, its record says 30x40'):
        run(source)


def test_box_outside_and_without_area(source):
    write(source, [record('a.jpg', ('ring', 40, 50, 45, 60), ('ring', 5, 5, 5, 9), ('ring', 20, 30, 40, 50))])
    report, _ = run(source)
    assert {code: len(items) for code, items in report.changes.items() if 'box' in code} == {
        'empty_box': 1,
        'outside_box': 1,
        'clipped_box': 1,
    }


@pytest.mark.parametrize('name', ['../../secret.jpg', '//etc/passwd.jpg', 'a\\b.jpg'])
def test_path_that_leaves_the_source(source, name):
    bad = record('a.jpg', CELL)
    bad['image']['pathname'] = name
    write(source, [bad])
    with pytest.raises(DataError, match=r'training.json: record 1: image.pathname: .*below the image folder'):
        run(source)
    assert not (source.parent / 'out').exists()


@pytest.mark.parametrize(
    ('keys', 'value', 'message'),
    [
        (['image'], None, 'record 1: image: is None; must be an object'),
        (['image', 'pathname'], 3, 'record 1: image.pathname: is 3; must be a text'),
        (['image', 'shape', 'r'], 30.5, 'record 1: image.shape.r: is 30.5; must be a whole number'),
        (['objects'], {}, 'record 1: objects: is {}; must be a list'),
        (['objects', 0], 'x', 'record 1, object 1: category: is None; must be a text'),
        (['objects', 0, 'category'], 'rings', "'rings' is not a known class"),
        (['objects', 0, 'bounding_box'], [1, 2], r'bounding_box: is \[1, 2\]; must be an object'),
        (['objects', 0, 'bounding_box', 'maximum'], None, 'bounding_box.maximum: is None; must be an object'),
        (['objects', 0, 'bounding_box', 'minimum', 'r'], '2', "minimum.r: is '2'; must be a finite number"),
        (['objects', 0, 'bounding_box', 'minimum', 'c'], float('nan'), 'minimum.c: is nan; must be a finite'),
        (['objects', 0, 'bounding_box', 'maximum', 'c'], 10**400, 'maximum.c: is 1000.*; must be a finite'),
        (['image', 'pathname'], '/', "record 1: image.pathname: is ''; write a path below"),
        (['image', 'pathname'], '/.', 'record 1: .: file: image: its image does not exist'),
        (['image', 'pathname'], 'x' * 5000, 'image.pathname: .* cannot be the name of a file'),
        (['image', 'pathname'], 'x\0y', 'image.pathname: .* cannot be the name of a file'),
    ],
)
def test_bad_record(source, keys, value, message):
    bad = record('a.jpg', CELL)
    place = bad
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    write(source, [bad])
    with pytest.raises(DataError, match=message):
        run(source)
    assert not (source.parent / 'out' / 'annotations').exists()


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (b'', 'training.json: file: content: is not whole JSON'),
        (b'[{"image": ', 'training.json: file: content: is not whole JSON'),
        (
            b'[' + b'9' * 5000 + b']',
            'training.json: file: content: is not whole JSON|record 1: image: is None',
        ),
        (b'[' * 100000, 'training.json: file: content: is not whole JSON'),
        (b'\xff\xfe[]', 'training.json: file: content: is not UTF-8 text'),
        (b'{"image": {}}', 'training.json: file: content: is a dict; must be a list of records'),
    ],
)
def test_bad_file(source, content, message):
    (source / 'malaria' / 'training.json').write_bytes(content)
    with pytest.raises(DataError, match=message):
        run(source)


def test_test_json_of_bbbc041(sample, tmp_path, tools):
    """The annotations are real; the pack has none of their images, so blank ones stand in for two."""
    source = tmp_path / 'source'
    (source / 'malaria').mkdir(parents=True)
    shutil.copy(sample('bbbc041seg') / 'malaria' / 'test.json', source / 'malaria')
    records = json.loads((source / 'malaria' / 'test.json').read_text())
    assert len(records) == 120
    chosen = records[:2]
    for item in chosen:
        path = (source / 'malaria').joinpath(item['image']['pathname'].lstrip('/'))
        tools.image(path.with_suffix('.png'), '.png', width=1944, height=1383)
    entry = load_entry('bbbc041')
    entry = replace(entry, parameters={**entry.parameters, 'unpaired': 'skip'})
    report = convert(entry, source, tmp_path / 'out')
    assert report.total('objects') == sum(len(item['objects']) for item in chosen)
    counts = {code: len(items) for code, items in report.changes.items()}
    assert (counts.pop('label_without_image'), counts.pop('keys_dropped')) == (118, 1)
    assert counts == {'split_missing': 1}
