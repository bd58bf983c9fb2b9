import cv2
import numpy as np
import pytest
from mmdet.structures.mask import BitmapMasks
from pycocotools import mask as coco_mask

from unihema_mm.structures.column_masks import decode_masks


@pytest.fixture
def pixels():
    pixels = np.random.default_rng(0).integers(0, 2, (5, 31, 47), np.uint8)
    pixels[1] = 0
    pixels[2] = 1
    return pixels


def encode(pixels):
    return [coco_mask.encode(np.asfortranarray(mask)) for mask in pixels]


@pytest.mark.parametrize('count', [0, 1, 5])
def test_decodes(pixels, count):
    masks = decode_masks(encode(pixels[:count]), 31, 47)
    assert masks.masks.shape == (count, 31, 47) and masks.masks.dtype == np.uint8
    np.testing.assert_array_equal(masks.masks, pixels[:count])


@pytest.mark.parametrize('seed', range(20))
def test_decodes_what_pycocotools_encodes(seed):
    rng = np.random.default_rng(seed)
    height, width = rng.integers(1, 700, 2)
    smooth = cv2.GaussianBlur(rng.random((height, width)), (0, 0), rng.uniform(0.1, 9))
    pixels = np.asfortranarray(smooth > rng.uniform(0, 1), np.uint8)
    encoded = coco_mask.encode(pixels)
    np.testing.assert_array_equal(decode_masks([encoded], height, width).masks[0], pixels)
    text = {**encoded, 'counts': encoded['counts'].decode()}
    np.testing.assert_array_equal(decode_masks([text], height, width).masks[0], pixels)


def test_rle_without_runs_is_empty():
    assert not decode_masks([{'counts': b'', 'size': [3, 4]}], 3, 4).masks.any()


@pytest.mark.parametrize('runs', [[2, 5, 6], [2, -1, 3]])
def test_rle_that_does_not_fit(runs):
    wrong = coco_mask.frPyObjects({'size': [3, 4], 'counts': [run % 2**32 for run in runs]}, 3, 4)
    with pytest.raises(ValueError, match='does not fit its size of 4x3 pixels'):
        decode_masks([wrong], 3, 4)


@pytest.mark.parametrize('count', [0, 1, 5])
@pytest.mark.parametrize('scale', [0.5, 1.0, 2.3, (20, 13), (13, 200), (640, 480)])
@pytest.mark.parametrize('interpolation', ['nearest', 'bilinear'])
def test_rescales_like_mmdet(pixels, count, scale, interpolation):
    expected = BitmapMasks(pixels[:count], 31, 47).rescale(scale, interpolation)
    found = decode_masks(encode(pixels[:count]), 31, 47).rescale(scale, interpolation)
    np.testing.assert_array_equal(found.masks, expected.masks)
    assert (found.height, found.width) == (expected.height, expected.width)
    assert found.masks.flags.c_contiguous


def test_other_methods_are_those_of_mmdet(pixels):
    mine, theirs = decode_masks(encode(pixels), 31, 47), BitmapMasks(pixels, 31, 47)
    for name, arguments in (
        ('flip', ('diagonal',)),
        ('resize', ((9, 11),)),
        ('crop', (np.array([3, 4, 20, 18]),)),
        ('pad', ((40, 50), 7)),
        ('__getitem__', (np.array([2, 0]),)),
    ):
        expected = getattr(theirs, name)(*arguments)
        np.testing.assert_array_equal(getattr(mine, name)(*arguments).masks, expected.masks)
