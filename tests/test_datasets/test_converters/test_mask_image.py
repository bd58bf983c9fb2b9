import json
from collections import Counter

import cv2
import numpy as np
import pytest

from unihema_mm.datasets.catalogue import load_entry, read_entry
from unihema_mm.datasets.converters import convert
from unihema_mm.datasets.schema import DataError
from unihema_mm.datasets.validation import check_path

ENTRY = """
name: toy
tasks: [seg, cls]
prompt: white blood cell
classes: {'1': neutrophil, '2': lymphocyte}
converter: mask_image
parameters:
  images: 'pictures 1/I_{key}.png'
  masks: 'masks/*/M_{key}.png'
  levels: [0, 128, 255]
  targets: {white blood cell: [128, 255], nucleus: [255]}
  class_table: {file: classes.csv, key: ID, value: label, digits: 2}
"""
LEVELS = np.zeros((30, 40), np.uint8)
LEVELS[5:15, 5:15] = 128
LEVELS[8:12, 8:12] = 255


def write_mask(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode('.png', pixels)[1].tobytes())


@pytest.fixture
def source(tmp_path, tools):
    """Six images with masks in two folders and a class table."""
    root = tmp_path / 'source'
    for index in range(6):
        write_mask(root / 'pictures 1' / f'I_{index:02}.png', np.full((30, 40, 3), index, np.uint8))
        write_mask(root / 'masks' / 'ab'[index % 2] / f'M_{index:02}.png', LEVELS)
    tools.text(root / 'classes.csv', 'ID,label\n0,1\n1,1\n2,1\n3,2\n4,2\n5,2\n')
    return root


def run(source, text=ENTRY, out='out', **options):
    out = source.parent / out
    return convert(read_entry(text, 'toy.yaml'), source, out, **options), out


def read(out, split='train'):
    return json.loads((out / 'annotations' / f'{split}.json').read_text())


def mask(out, image, prompt):
    (name,) = (item['file'] for item in image['masks'] if item['prompt'] == prompt)
    return cv2.imread(str(out / name), cv2.IMREAD_UNCHANGED)


def test_targets_and_classes(source):
    report, out = run(source)
    document = read(out)
    assert document['images'][3] == {
        'id': 4,
        'file_name': 'images/I_03.png',
        'width': 40,
        'height': 30,
        'tasks': ['seg', 'cls'],
        'prompt': 'white blood cell',
        'class_name': 'lymphocyte',
        'masks': [
            {'prompt': 'white blood cell', 'file': 'masks/white_blood_cell/I_03.png'},
            {'prompt': 'nucleus', 'file': 'masks/nucleus/I_03.png'},
        ],
        'source': 'pictures 1/I_03.png',
    }
    image = document['images'][0]
    np.testing.assert_array_equal(mask(out, image, 'white blood cell'), np.where(LEVELS, 255, 0))
    np.testing.assert_array_equal(mask(out, image, 'nucleus'), np.where(LEVELS == 255, 255, 0))
    assert [item['name'] for item in document['categories']] == ['neutrophil', 'lymphocyte']
    assert report.splits['train']['image_classes'] == {'neutrophil': 3, 'lymphocyte': 3}
    assert report.splits['train']['masks'] == {'nucleus': 6, 'white blood cell': 6}
    assert report.changes == {} and report.lines()[0] == 'toy: 6 images'
    assert check_path(out, decode=True).faults == []


def test_same_bytes_for_any_number_of_workers_and_after_an_interruption(source):
    text = ENTRY + '  hold_out: {val: 2}\n'
    run(source, text, 'a', workers=2)
    _, out = run(source, text, 'b')
    files = {path.relative_to(out): path.stat().st_ino for path in out.rglob('*') if path.is_file()}
    broken = out / 'masks' / 'nucleus' / 'I_02.png'
    broken.write_bytes(broken.read_bytes()[:50])
    (out / 'annotations' / 'val.json').unlink()
    run(source, text, 'b')
    for name, node in files.items():
        assert (source.parent / 'a' / name).read_bytes() == (out / name).read_bytes()
        if name.suffix == '.png' and out / name != broken:
            assert (out / name).stat().st_ino == node


def test_splits_from_lists(source, tools):
    tools.text(source / 'train.txt', 'I_00\nI_02.png\n')
    tools.text(source / 'test.txt', 'I_05 1\n')
    report, out = run(source, ENTRY + '  splits: {train: train.txt, test: test.txt}\n')
    assert [image['source'][-8:] for image in read(out)['images']] == ['I_00.png', 'I_02.png']
    assert [image['source'][-8:] for image in read(out, 'test')['images']] == ['I_05.png']
    assert len(report.changes['unlisted_image']) == 3
    tools.text(source / 'test.txt', 'I_05\nI_02\n')
    with pytest.raises(DataError, match='I_02: split: is in test and in train'):
        run(source, ENTRY + '  splits: {train: train.txt, test: test.txt}\n', 'other')


def test_noisy_levels_are_an_error_or_quantised_and_counted(source):
    noisy = np.where(LEVELS == 128, 133, LEVELS).astype(np.uint8)
    noisy[0, :3] = (64, 65, 192)
    write_mask(source / 'masks' / 'a' / 'M_02.png', np.dstack([noisy] * 3))
    with pytest.raises(
        DataError, match=r'M_02.png: file: levels: has levels 64, 65, 133, 192 that are not among'
    ):
        run(source)
    report, out = run(source, ENTRY + '  quantise: true\n', 'quantised')
    assert report.changes == {'quantised_mask': ['masks/a/M_02.png: 87 pixels of 4 other levels']}
    cell = mask(out, read(out)['images'][2], 'white blood cell')
    assert cell[0, :4].tolist() == [0, 255, 255, 0]
    np.testing.assert_array_equal(cell[1:], np.where(LEVELS, 255, 0)[1:])
    nucleus = mask(out, read(out)['images'][2], 'nucleus')
    assert nucleus[0, :4].tolist() == [0, 0, 255, 0]


def test_mask_without_a_target_is_kept_and_reported(source):
    write_mask(source / 'masks' / 'a' / 'M_00.png', np.minimum(LEVELS, 128))
    report, out = run(source)
    assert report.changes == {'empty_mask': ['masks/a/M_00.png: nucleus']}
    assert not mask(out, read(out)['images'][0], 'nucleus').any()


@pytest.mark.parametrize(
    ('pixels', 'message'),
    [
        (LEVELS[:, 1:], 'size: is 39x30, its image 40x30'),
        (np.dstack([LEVELS, LEVELS, 255 - LEVELS]), 'mask: has colours'),
        (np.dstack([LEVELS] * 4), 'mask: has 4 channels'),
        (LEVELS.astype(np.uint16), 'mask: has uint16 levels'),
    ],
)
def test_faulty_mask(source, pixels, message):
    write_mask(source / 'masks' / 'b' / 'M_03.png', pixels)
    with pytest.raises(DataError, match=f'masks/b/M_03.png: file: {message}'):
        run(source)
    assert not (source.parent / 'out' / 'annotations').exists()


def test_missing_counterparts(source):
    (source / 'pictures 1' / 'I_05.png').unlink()
    with pytest.raises(DataError, match=r'M_05.png: file: image: its image does not exist'):
        run(source)
    report, _ = run(source, ENTRY + '  unpaired: skip\n')
    assert report.changes == {'label_without_image': ['masks/b/M_05.png', 'classes.csv: 05']}
    (source / 'masks' / 'a' / 'M_00.png').unlink()
    with pytest.raises(DataError, match=r'I_00.png: file: label: its label file does not exist'):
        run(source, ENTRY + '  unpaired: skip\n')
    report, _ = run(source, ENTRY + '  unpaired: skip\n  unlabelled: skip\n')
    assert report.changes['image_without_label'] == ['pictures 1/I_00.png'] and report.total('images') == 4


def test_missing_class_and_unknown_class(source, tools):
    tools.text(source / 'classes.csv', 'ID,label\n0,1\n1,1\n2,1\n3,2\n')
    with pytest.raises(DataError, match=r'04: ID: there is no line for pictures 1/I_04.png'):
        run(source)
    tools.text(source / 'classes.csv', 'ID,label\n0,1\n1,1\n2,1\n3,2\n4,2\n5,3\n')
    with pytest.raises(DataError, match=r"I_05.png: image: class: '3' is not a known class"):
        run(source)


def test_other_files_are_reported(source, tools):
    tools.image(source / 'pictures 1' / 'extra.png', '.png')
    tools.text(source / 'pictures 1' / 'notes.md', '')
    report, _ = run(source)
    assert report.changes == {'other_entry': ['pictures 1/extra.png', 'pictures 1/notes.md']}


@pytest.mark.parametrize(
    ('old', 'new', 'message'),
    [
        ('M_{key}', 'N_{key}', r"no file fits 'masks/\*/N_\{key\}.png'"),
        ('M_{key}', 'M', 'pattern: is .* write a path relative to --src'),
        ("'pictures 1/", "'../source/pictures 1/", 'pattern: is'),
        ("'pictures 1/", "'/pictures 1/", 'pattern: is'),
        ('levels: [0, 128, 255]', 'levels: [0, 255]', 'targets: .* list every level'),
        ('  levels: [0, 128, 255]\n', '', 'parameters.levels: is missing'),
        (
            'digits: 2}',
            'digits: 2}\n  unlabelled: background',
            "unlabelled: is 'background'; use one of error",
        ),
        ('white blood cell: [128', '"Nucleus ": [128', 'would both become masks/nucleus/I_00.png'),
    ],
)
def test_faulty_entry(source, old, new, message):
    assert old in ENTRY
    with pytest.raises(DataError, match=message) as error:
        run(source, ENTRY.replace(old, new))
    assert '\n' not in str(error.value)


def test_two_files_with_the_same_key(source):
    write_mask(source / 'masks' / 'b' / 'M_00.png', LEVELS)
    with pytest.raises(
        DataError, match=r"masks/b/M_00.png: file: name: has the same key '00' as masks/a/M_00"
    ):
        run(source)


def test_segmentation_wbc_sample(sample, tmp_path):
    report = convert(load_entry('segmentation_wbc'), sample('segmentation_wbc'), tmp_path)
    assert report.differences == [] and list(report.changes) == ['near_identical_image', 'held_out']
    assert report.splits['val']['image_classes'] == report.splits['test']['image_classes']
    split = {image['source']: name for name in report.splits for image in read(tmp_path, name)['images']}
    for first, second in ((112, 139), (157, 158), (166, 171), (167, 169)):
        assert split[f'Dataset 1/{first}.bmp'] == split[f'Dataset 1/{second}.bmp']
    assert Counter(split.values()) == {'train': 210, 'val': 45, 'test': 45}
    for image in read(tmp_path, 'val')['images']:
        original = cv2.imread(
            str(sample('segmentation_wbc') / image['source'].replace('bmp', 'png')), cv2.IMREAD_UNCHANGED
        )
        np.testing.assert_array_equal(mask(tmp_path, image, 'nucleus') == 255, original == 255)
        np.testing.assert_array_equal(mask(tmp_path, image, 'white blood cell') == 255, original > 0)


def test_bccd_nuclei_sample(sample, tmp_path):
    source = sample('bccd_nucleus_masks_banik').parent
    sample('bccd')
    report = convert(load_entry('bccd_nuclei'), source, tmp_path, images='symlink')
    assert report.differences == []
    assert {code: len(items) for code, items in report.changes.items()} == {
        'label_without_image': 3,
        'quantised_mask': 37,
    }
    listed = (source / 'bccd/BCCD/ImageSets/Main/test.txt').read_text().split()
    stems = [image['file_name'][7:-4] for image in read(tmp_path, 'test')['images']]
    assert stems == sorted(listed)
