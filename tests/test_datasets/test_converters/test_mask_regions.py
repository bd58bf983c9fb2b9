import json

import cv2
import numpy as np
import pytest
from pycocotools import mask as coco_mask

from unihema_mm.datasets.catalogue import load_entry, read_entry
from unihema_mm.datasets.converters import convert
from unihema_mm.datasets.converters.mask_regions import label_regions, objects_of_regions
from unihema_mm.datasets.schema import DataError
from unihema_mm.datasets.validation import check_path

ENTRY = """
name: toy
tasks: [det, seg, inst]
prompt: Malaria
classes: {cell: RBC, parasite: plasmodium}
converter: mask_image
parameters:
  images: 'images/{key}.png'
  masks: 'masks/{key}.png'
  levels: {nothing: [0, 0, 0], cell: [0, 0, 255], parasite: [255, 0, 0]}
  targets: {parasite: [parasite]}
  instances: {cell: [cell, parasite], parasite: [parasite]}
"""
# Two cells that touch at a corner only, a parasite in the second one, and one pixel.
COLOURS = np.zeros((30, 40, 3), np.uint8)
COLOURS[2:12, 2:12] = COLOURS[12:22, 12:24] = COLOURS[29, 39] = (0, 0, 255)
COLOURS[14:17, 15:19] = (255, 0, 0)


@pytest.fixture
def source(tmp_path, tools):
    """Two images; the mask of the second one is empty."""
    root = tmp_path / 'source'
    for key, colours in (('a', COLOURS), ('b', COLOURS * 0)):
        tools.image(root / 'images' / f'{key}.png', '.png')
        path = root / 'masks' / f'{key}.png'
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(cv2.imencode('.png', colours[..., ::-1])[1].tobytes())
    return root


def run(source, text=ENTRY, out='out'):
    out = source.parent / out
    report = convert(read_entry(text, 'toy.yaml'), source, out)
    return report, json.loads((out / 'annotations' / 'train.json').read_text()), out


def test_every_connected_region_is_an_object(source):
    report, document, out = run(source)
    names = {item['id']: item['name'] for item in document['categories']}
    objects = [(names[item['category_id']], *item['bbox'], item['area']) for item in document['annotations']]
    assert objects == [
        ('RBC', 2, 2, 10, 10, 100),
        ('RBC', 12, 12, 12, 10, 120),
        ('RBC', 39, 29, 1, 1, 1),
        ('plasmodium', 15, 14, 4, 3, 12),
    ]
    for item, colour in zip(document['annotations'][1::2], ((0, 0, 255), (255, 0, 0)), strict=True):
        x, y, width, height = item['bbox']
        mask = coco_mask.decode(item['segmentation']).astype(bool)
        inside = np.zeros_like(mask)
        inside[y : y + height, x : x + width] = True
        wanted = (colour == COLOURS).all(-1) | ((COLOURS == (255, 0, 0)).all(-1) & (item['area'] == 120))
        np.testing.assert_array_equal(mask, wanted & inside)
    assert [image['tasks'] for image in document['images']] == [['det', 'seg', 'inst']] * 2
    assert report.splits['train']['images_without_objects'] == 1
    assert report.changes == {'empty_mask': ['masks/b.png: parasite']}
    assert check_path(out, decode=True).faults == []


def test_small_regions_are_left_out_and_reported(source):
    report, document, _ = run(source, ENTRY + '  least_area: 12\n')
    assert [item['area'] for item in document['annotations']] == [100, 120, 12]
    assert report.changes['small_region'] == ['masks/a.png: cell: 1 of 3']


def test_objects_without_mask_targets(source):
    text = ENTRY.replace('  targets: {parasite: [parasite]}\n', '').replace('[det, seg, inst]', '[det, inst]')
    report, document, out = run(source, text)
    assert len(document['annotations']) == 4 and 'masks' not in document['images'][0]
    assert report.changes == {} and not (out / 'masks').exists()


@pytest.mark.parametrize(
    ('old', 'new', 'message'),
    [
        ('instances: {cell: [cell', 'instances: {cell: [cells', "instances: 'cell' has .* list every level"),
        ('instances: {cell:', 'instances: {cel:', "masks/a.png: cel 1: class: 'cel' is not a known class"),
        ('instances: {', 'least_area: 0\n  instances: {', 'least_area: is 0; write a number of pixels'),
        ('instances: {', 'least_area: 1.5\n  instances: {', 'least_area: is 1.5; write'),
        ('instances: {cell: [cell, parasite], parasite: [parasite]}', 'instances: [cell]', 'instances: is'),
    ],
)
def test_faulty_entry(source, old, new, message):
    assert old in ENTRY
    with pytest.raises(DataError, match=message) as error:
        run(source, ENTRY.replace(old, new))
    assert '\n' not in str(error.value)


def test_neither_targets_nor_instances(source):
    text = ENTRY[: ENTRY.index('  targets')]
    with pytest.raises(DataError, match='write targets or instances'):
        run(source, text)


def test_regions_do_not_meet_at_corners():
    foreground = (COLOURS > 0).any(-1)
    assert label_regions(foreground)[0] == 3
    objects, small = objects_of_regions(foreground, 'cell', least_area=101)
    assert [obj.box for obj in objects] == [(12, 12, 24, 22)] and small == 2
    assert objects_of_regions(foreground & False, 'cell', 1) == ([], 0)


def test_documented_entry(repo, tmp_path):
    """The entry of the documentation, on noisy masks of five slides with two fields each."""
    page = (repo / 'docs/how_to/prepare_data.md').read_text(encoding='utf-8')
    text = page.partition('    # mine.yaml\n')[2].partition('\n\n')[0]
    random = np.random.default_rng(0)
    for slide in range(5):
        for field in range(2):
            mask = np.zeros((60, 80, 3), np.uint8)
            mask[8:24, 8:24] = mask[30:50, 40:64] = 255
            image = random.integers(0, 255, mask.shape, np.uint8)
            for folder, pixels in (('img', image), ('gt', mask)):
                path = tmp_path / 'source' / 'Ovale' / folder / f'{slide}-{field}-R_T.jpg'
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(cv2.imencode('.jpg', pixels)[1].tobytes())
    report = convert(read_entry(text, 'mine.yaml'), tmp_path / 'source', tmp_path / 'out')
    assert {split: counts['objects'] for split, counts in report.splits.items()} == {
        'train': 12,
        'val': 4,
        'test': 4,
    }
    assert report.counts('classes') == {'plasmodium': 20} and report.counts('masks') == {'plasmodium': 10}
    document = json.loads((tmp_path / 'out' / 'annotations' / 'val.json').read_text())
    boxes = np.array([item['bbox'] for item in document['annotations']])
    assert np.abs(boxes - [[8, 8, 16, 16], [40, 30, 24, 20]] * 2).max() <= 1
    assert check_path(tmp_path / 'out', decode=True).faults == []


def test_regions_of_real_masks(sample, tmp_path):
    """The cells of BBBC041's masks: as many objects as regions, and none of a few pixels."""
    entry = load_entry('bbbc041_cells')
    text = ENTRY.replace('{nothing: [0, 0, 0], cell: [0, 0, 255], parasite: [255, 0, 0]}', '[0, 255]')
    text = text.replace('{parasite: [parasite]}', '{blood cell: [255]}')
    text = text.replace('{cell: [cell, parasite], parasite: [parasite]}', '{cell: [255]}')
    folder = str(entry.parameters['images']).rpartition('/images/')[0]
    report = convert(
        read_entry(text, 'toy.yaml'), sample('bbbc041seg') / folder, tmp_path / 'out', images='symlink'
    )
    document = json.loads((tmp_path / 'out' / 'annotations' / 'train.json').read_text())
    counted = 0
    for image in document['images']:
        mask = cv2.imread(str(sample('bbbc041seg') / folder / 'masks' / image['source'][7:]), 0)
        own = [item for item in document['annotations'] if item['image_id'] == image['id']]
        decoded = [coco_mask.decode(item['segmentation']) for item in own]
        np.testing.assert_array_equal(np.sum(decoded, axis=0), mask // 255)
        counted += cv2.connectedComponents(mask, connectivity=4)[0] - 1
    assert len(document['images']) == 10 and report.total('objects') == counted > 546
