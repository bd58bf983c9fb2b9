"""The mask of an image is moved as the image is."""

import cv2
import numpy as np
import pytest

from unihema_mm.registry import TRANSFORMS
from unihema_mm.utils.errors import InputError

SQUARE = [[8, 4, 24, 4, 24, 16, 8, 16]]


def run(record, *transforms):
    for config in transforms:
        record = TRANSFORMS.build(config)(record)
    return record


@pytest.fixture
def record(tmp_path):
    """A 40x30 picture that is white where its mask is."""
    picture = np.zeros((30, 40, 3), np.uint8)
    picture[4:16, 8:24] = 255
    cv2.imwrite(str(tmp_path / 'a.png'), picture)
    return {
        'img_path': str(tmp_path / 'a.png'),
        'img_id': 1,
        'width': 40,
        'height': 30,
        'segmentations': [SQUARE],
        'tasks': ('seg',),
    }


LOAD = ({'type': 'unihema_mm.LoadSmearImage'}, {'type': 'unihema_mm.LoadCellMask'})


@pytest.mark.parametrize(
    'transform',
    [
        {'type': 'mmdet.RandomFlip', 'prob': 1.0},
        {'type': 'mmdet.RandomCrop', 'crop_size': (20, 20)},
        {'type': 'mmdet.Resize', 'scale': (80, 60)},
    ],
)
def test_mask_moves_with_the_image(record, transform):
    moved = run(record, *LOAD, transform)
    np.testing.assert_array_equal(moved['gt_seg_map'], moved['img'][..., 0] > 127)
    assert set(np.unique(moved['gt_seg_map'])) == {0, 1}


def test_padding_is_ignored(record):
    packed = run(
        record, *LOAD, {'type': 'mmdet.Pad', 'size': (48, 32)}, {'type': 'unihema_mm.PackSmearInputs'}
    )
    mask = packed['data_samples'].gt_sem_seg.sem_seg
    assert mask.shape == (1, 32, 48) and (mask[:, 30:] == 255).all() and (mask[:, :, 40:] == 255).all()
    assert (mask[:, :30, :40] <= 1).all()


def test_loaded_behind_the_resizing_it_keeps_the_original_size(record):
    resize = {'type': 'mmdet.Resize', 'scale': (20, 15)}
    loaded = run(record, LOAD[0], resize, LOAD[1])
    assert loaded['img'].shape[:2] == (15, 20) and loaded['gt_seg_map'].shape == (30, 40)


def test_pack_leaves_out_what_a_record_lacks(record):
    sample = run(record, LOAD[0], {'type': 'unihema_mm.PackSmearInputs'})['data_samples']
    assert sample.tasks == ('seg',) and sample.ori_shape == (30, 40)
    for key in ('gt_sem_seg', 'gt_label', 'gt_attributes', 'questions', 'flip'):
        assert key not in sample


def test_number_of_texts():
    with pytest.raises(InputError, match='max_texts: is 0'):
        TRANSFORMS.build({'type': 'unihema_mm.SampleTexts', 'max_texts': 0})
