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
