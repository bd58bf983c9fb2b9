import json

import cv2
import numpy as np
import pytest
from pycocotools import mask as coco_mask

from unihema_mm.datasets.catalogue import load_entry, read_entry
from unihema_mm.datasets.converters import convert
from unihema_mm.datasets.schema import DataError
from unihema_mm.datasets.validation import check_path

ENTRY = """
name: toy
tasks: [det, seg, inst]
prompt: Malaria
classes: {red blood cell: RBC, ring: ring}
converter: yolo_masks
parameters:
  images: 'images/{key}.png'
  masks: 'masks/{key}.png'
  labels: {train: 'labels/train/{key}.txt', val: 'labels/val/{key}.txt'}
  names: [red blood cell, ring]
  target: blood cell
"""
# Two cells that touch at a corner only, one at the border, in an image of 40x30.
MASK = np.zeros((30, 40), np.uint8)
MASK[0:10, 0:10] = MASK[10:20, 10:20] = MASK[20:30, 30:40] = 255
FIRST, SECOND = '0 0.125 0.166667 0.25 0.333333\n', '1 0.375 0.5 0.25 0.333333\n'


def write_mask(path, pixels=MASK):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode('.png', pixels)[1].tobytes())


@pytest.fixture
def source(tmp_path, tools):
    """Two images in train, one in val."""
    root = tmp_path / 'source'
    for key, split in (('a', 'train'), ('b', 'train'), ('c', 'val')):
        tools.image(root / 'images' / f'{key}.png', '.png')
        write_mask(root / 'masks' / f'{key}.png', np.dstack([MASK] * 3))
        tools.text(root / 'labels' / split / f'{key}.txt', FIRST + SECOND)
    return root


def run(source, text=ENTRY, out='out'):
    out = source.parent / out
    return convert(read_entry(text, 'toy.yaml'), source, out), out


def read(out, split='train'):
    return json.loads((out / 'annotations' / f'{split}.json').read_text())


def test_each_box_gets_the_region_at_its_centre(source):
    report, out = run(source)
    document = read(out)
    first, second = document['annotations'][:2]
    assert first['bbox'] == [0, 0, 10, 10] and first['area'] == second['area'] == 100
    decoded = coco_mask.decode(second['segmentation'])
    assert decoded[10:20, 10:20].all() and decoded.sum() == 100
    assert document['images'][0]['tasks'] == ['det', 'seg', 'inst']
    (target,) = document['images'][0]['masks']
    assert target['prompt'] == 'blood cell'
    np.testing.assert_array_equal(cv2.imread(str(out / target['file']), cv2.IMREAD_UNCHANGED), MASK)
    assert report.changes['region_without_object'] == [f'masks/{key}.png: 1 of 3 regions' for key in 'abc']
    assert set(report.changes) == {'region_without_object'} and check_path(out, decode=True).faults == []


def test_boxes_that_share_a_region_or_lie_on_background_get_no_mask(source, tools):
    tools.text(source / 'labels' / 'train' / 'a.txt', FIRST + '1 0.15 0.2 0.25 0.333333\n' + SECOND)
    tools.text(source / 'labels' / 'train' / 'b.txt', FIRST + '0 0.875 0.166667 0.25 0.333333\n')
    report, out = run(source)
    assert report.changes['object_without_mask'] == [
        'labels/train/a.txt: line 1: shares its region',
        'labels/train/a.txt: line 2: shares its region',
        'labels/train/b.txt: line 2: lies on background',
    ]
    document = read(out)
    assert [image['tasks'] for image in document['images']] == [['det', 'seg']] * 2
    assert ['segmentation' in item for item in document['annotations']] == [False, False, True, True, False]
    assert read(out, 'val')['images'][0]['tasks'] == ['det', 'seg', 'inst']
    assert check_path(out, decode=True).faults == []


def test_image_without_boxes(source, tools):
    tools.text(source / 'labels' / 'train' / 'a.txt', '')
    report, _ = run(source)
    assert report.splits['train']['images_without_objects'] == 1
    assert report.changes['region_without_object'][0] == 'masks/a.png: 3 of 3 regions'


def test_missing_files(source):
    skip = ENTRY + '  unpaired: skip\n  unlabelled: skip\n'
    (source / 'masks' / 'a.png').unlink()
    with pytest.raises(DataError, match=r'images/a.png: file: mask: its mask image does not exist; add'):
        run(source)
    (source / 'labels' / 'train' / 'b.txt').unlink()
    report, _ = run(source, skip)
    assert report.changes['image_without_label'] == ['images/a.png', 'images/b.png']
    (source / 'images' / 'a.png').unlink()
    with pytest.raises(DataError, match=r'labels/train/a.txt: file: image: its image does not exist'):
        run(source, out='other')
    assert run(source, skip, 'other')[0].changes['label_without_image'] == ['labels/train/a.txt']


def test_label_in_two_splits(source, tools):
    tools.text(source / 'labels' / 'val' / 'a.txt', FIRST)
    with pytest.raises(DataError, match=r'labels/val/a.txt: file: split: is in val and in train'):
        run(source)


@pytest.mark.parametrize(
    ('pixels', 'message'),
    [
        (np.where(MASK, 254, 0).astype(np.uint8), 'masks/a.png: file: levels: has levels 254; use 0'),
        (MASK[:, :39], 'masks/a.png: file: size: is 39x30, its image 40x30'),
        (np.dstack([MASK, MASK, MASK // 2]), 'masks/a.png: file: mask: has colours'),
    ],
)
def test_bad_mask(source, pixels, message):
    write_mask(source / 'masks' / 'a.png', pixels)
    with pytest.raises(DataError, match=message):
        run(source)


def test_truncated_mask_and_bad_label(source):
    path = source / 'masks' / 'a.png'
    path.write_bytes(path.read_bytes()[:40])
    (source / 'labels' / 'train' / 'b.txt').write_bytes(b'\xff\xfe0')
    with pytest.raises(DataError) as error:
        run(source)
    first, second = map(str, error.value.faults)
    assert first.startswith('masks/a.png: file: mask: ')
    assert second.startswith('labels/train/b.txt: file: content: is not UTF-8 text; ')


def test_class_that_the_entry_does_not_map(source):
    with pytest.raises(DataError, match="'rings' is not a known class"):
        run(source, ENTRY.replace('names: [red blood cell, ring]', 'names: [red blood cell, rings]'))


def test_bbbc041_cells(sample, tmp_path):
    report = convert(load_entry('bbbc041_cells'), sample('bbbc041seg'), tmp_path / 'out', images='symlink')
    assert report.differences == [] and report.total('objects') == 546
    assert dict(report.counts('classes')) == {
        **{'RBC': 534, 'trophozoite': 4, 'ring': 4, 'schizont': 1, 'gametocyte': 1, 'WBC': 2}
    }
    assert {code: len(items) for code, items in report.changes.items()} == {
        'object_without_mask': 36,
        'region_without_object': 10,
    }
    assert all('shares its region' in item for item in report.changes['object_without_mask'])
    images = [image for split in report.splits for image in read(tmp_path / 'out', split)['images']]
    assert sum('inst' in image['tasks'] for image in images) == 7
    assert check_path(tmp_path / 'out').faults == []
