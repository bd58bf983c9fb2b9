import numpy as np
import pytest
from pycocotools import mask as coco_mask

from unihema_mm.registry import TRANSFORMS
from unihema_mm.utils.errors import InputError

POLYGONS = [[5.3, 5.1, 15.7, 5, 15, 20.5, 5, 20], [20, 2, 30, 2, 25, 9]]
SHORT = [[1, 2, 3, 4]]
COUNTS = {'size': [30, 40], 'counts': [30, 30, 1140]}
COMPRESSED = coco_mask.encode(np.asfortranarray(np.eye(30, 40, dtype=np.uint8)))


def record(*masks):
    instances = [{'bbox': [1, 2, 9, 9], 'bbox_label': 0, 'ignore_flag': 0, 'mask': mask} for mask in masks]
    return {'instances': instances, 'img_path': 'a.png', 'img_id': 7, 'ori_shape': (30, 40)}


def load(kind, *masks, **options):
    transform = TRANSFORMS.build({'type': kind, 'with_bbox': False, 'with_mask': True, **options})
    return transform(record(*masks))


@pytest.mark.parametrize(
    'masks', [(), (POLYGONS,), (SHORT, POLYGONS), (COUNTS, POLYGONS, COMPRESSED), ({'counts': None}, COUNTS)]
)
def test_masks_are_those_of_mmdet(masks):
    options = {'with_label': False}
    mine = load('unihema_mm.LoadCellAnnotations', *masks, **options)
    theirs = load('mmdet.LoadAnnotations', *masks, **options)
    np.testing.assert_array_equal(mine['gt_masks'].masks, theirs['gt_masks'].masks)
    np.testing.assert_array_equal(mine['gt_ignore_flags'], theirs['gt_ignore_flags'])
    assert len(mine['gt_instances_ids']) == len(masks)


def test_masks_that_stay_polygons():
    options = {'with_label': False, 'poly2mask': False}
    mine = load('unihema_mm.LoadCellAnnotations', POLYGONS, **options)
    theirs = load('mmdet.LoadAnnotations', POLYGONS, **options)
    np.testing.assert_array_equal(mine['gt_masks'].masks[0][1], theirs['gt_masks'].masks[0][1])


@pytest.mark.parametrize(
    'wrong', [{'size': [30, 41], 'counts': [1230]}, {'size': [15, 80], 'counts': [1200]}]
)
def test_mask_of_another_size_than_the_image(wrong):
    with pytest.raises(InputError, match=r'a\.png: image 7: segmentation: is RLE of size .* has \[30, 40\]'):
        load('unihema_mm.LoadCellAnnotations', COUNTS, wrong, with_label=False)
