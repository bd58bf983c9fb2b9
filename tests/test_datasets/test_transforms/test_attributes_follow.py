"""Attributes stay with their boxes, whatever the transforms do."""

import numpy as np
import pytest
import torch

from unihema_mm.registry import DATASETS
from unihema_mm.utils.errors import InputError

LOAD = [
    {'type': 'unihema_mm.LoadSmearImage'},
    {'type': 'unihema_mm.LoadCellAnnotations', 'with_bbox': True, 'with_mask': True},
]
PACK = {'type': 'unihema_mm.PackSmearInputs'}
VALUES = [str(n) for n in range(6)]


@pytest.fixture
def root(document, write_data):
    """One image of 60x40 with six boxes, whose label, attribute and width are the same number."""
    document['info']['attributes'] = {'number': VALUES, 'other': ['x', 'y']}
    document['images'] = [{**document['images'][0], 'width': 60, 'height': 40}]
    document['categories'] = [{'id': n + 1, 'name': value} for n, value in enumerate(VALUES)]
    document['annotations'] = []
    for n, value in enumerate(VALUES):
        x, y, w, h = 3 + 18 * (n % 3), 3 + 20 * (n // 3), 10 + n, 12
        document['annotations'].append(
            {
                'id': n,
                'image_id': 1,
                'category_id': n + 1,
                'bbox': [x, y, w, h],
                'area': w * h,
                'iscrowd': int(n == 4),
                'segmentation': [[x, y, x + w, y, x + w, y + h, x, y + h]],
                'attributes': {'number': value},
            }
        )
    return write_data(document)


def dataset_of(root, transforms, **options):
    return DATASETS.build(
        {
            'type': 'SmearDetDataset',
            'data_root': str(root),
            'ann_file': 'annotations/train.json',
            'pipeline': [*LOAD, *transforms, PACK],
            **options,
        }
    )


def test_attributes_follow_flip_crop_and_resize(root):
    transforms = [
        {'type': 'mmdet.RandomFlip', 'prob': 0.5, 'direction': 'horizontal'},
        {'type': 'mmdet.RandomCrop', 'crop_size': (24, 30), 'allow_negative_crop': True},
        {'type': 'mmdet.Resize', 'scale': (45, 36), 'keep_ratio': False},
    ]
    dataset = dataset_of(root, transforms)
    np.random.seed(0)
    counts = set()
    for _ in range(30):
        sample = dataset[0]['data_samples']
        kept, ignored = sample.gt_instances, sample.ignored_instances
        assert kept.attributes.shape == (len(kept), 2) and kept.attributes.dtype == torch.int64
        assert kept.attributes[:, 0].tolist() == kept.labels.tolist()
        assert (kept.attributes[:, 1] == -1).all() and len(kept.masks) == len(kept)
        assert set(ignored.attributes[:, 0].tolist()) <= {4} and 4 not in kept.labels
        counts.add(len(kept))
    assert len(counts) > 1 and max(counts) < 6


def test_image_without_objects(root):
    crop = {'type': 'mmdet.RandomCrop', 'crop_size': (2, 2), 'allow_negative_crop': True}
    dataset = dataset_of(root, [crop])
    np.random.seed(1)
    shapes = {tuple(dataset[0]['data_samples'].gt_instances.attributes.shape) for _ in range(20)}
    assert (0, 2) in shapes


def test_transform_that_loses_track_is_an_error(root):
    dataset = dataset_of(root, [{'type': 'mmdet.FilterAnnotations', 'min_gt_bbox_wh': (10.5, 1)}])
    with pytest.raises(InputError, match='5 boxes, but 6 object numbers: a transform drops boxes'):
        dataset[0]
    plain = dataset_of(
        root, [], pipeline=[LOAD[0], {'type': 'mmdet.LoadAnnotations', 'with_bbox': True}, PACK]
    )
    with pytest.raises(InputError, match='load them by LoadCellAnnotations'):
        plain[0]
    without = dataset_of(
        root, [{'type': 'mmdet.FilterAnnotations', 'min_gt_bbox_wh': (10.5, 1)}], attributes=None
    )
    assert 'attributes' not in without[0]['data_samples'].gt_instances


@pytest.mark.parametrize(('least', 'expected'), [(0, [0, 1, 2, 3, 5]), (12, [3, 5]), (99, [])])
def test_attributes_follow_a_filter_of_objects(root, least, expected):
    """Object 4 is a crowd, which goes to ``ignored_instances``."""
    filtering = {'min_gt_bbox_wh': (least, 0), 'by_mask': True, 'keep_empty': False}
    sample = dataset_of(root, [{'type': 'unihema_mm.FilterCellAnnotations', **filtering}])[0]['data_samples']
    found = sample.gt_instances
    assert found.labels.tolist() == found.attributes[:, 0].tolist() == expected
    assert len(found.masks) == len(expected)


def test_an_object_whose_mask_is_cropped_away_is_filtered(root):
    """A crop recomputes boxes from masks; nothing of a mask left is a box without area."""
    transforms = [
        {
            'type': 'mmdet.RandomCrop',
            'crop_size': (9, 60),
            'recompute_bbox': True,
            'allow_negative_crop': True,
        },
        {
            'type': 'unihema_mm.FilterCellAnnotations',
            'min_gt_bbox_wh': (0, 0),
            'by_mask': True,
            'keep_empty': False,
        },
    ]
    dataset = dataset_of(root, transforms)
    for _ in range(20):
        found = dataset[0]['data_samples'].gt_instances
        assert found.labels.tolist() == found.attributes[:, 0].tolist()
        assert (found.bboxes.widths > 0).all() and (found.bboxes.heights > 0).all()
