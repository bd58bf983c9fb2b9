import numpy as np
import pytest
from pycocotools import mask as coco_mask

from unihema_mm.datasets.segmentations import fault_of_segmentation


@pytest.mark.parametrize('density', [0, 0.01, 0.5, 1])
@pytest.mark.parametrize('shape', [(1, 1), (20, 24), (300, 7)])
def test_masks_that_pycocotools_makes(shape, density):
    pixels = np.asfortranarray(np.random.default_rng(0).random(shape) < density, np.uint8)
    rle = coco_mask.encode(pixels)
    assert fault_of_segmentation(rle, *shape) is None
    assert fault_of_segmentation({**rle, 'counts': rle['counts'].decode()}, *shape) is None
    assert 'do not fill' in fault_of_segmentation({'size': [*shape], 'counts': rle['counts'][:-1]}, *shape)
    assert 'is RLE of size' in fault_of_segmentation(rle, shape[0], shape[1] + 1)


@pytest.mark.parametrize(
    'counts', ['', 'T1:8000000f8', '~', 'é', 'P' * 99, [481], [-1, 481], [480.0], [True]]
)
def test_run_lengths_that_are_none(counts):
    what = 'is RLE whose run lengths do not fill the 480 pixels of its image'
    assert fault_of_segmentation({'size': [20, 24], 'counts': counts}, 20, 24) == what


@pytest.mark.parametrize('value', [None, [], [[]], [[1, 2, 3, 4]], [[1, 2, 3, 4, 5]], [1], {}, {'size': 1}])
def test_no_masks(value):
    assert fault_of_segmentation(value, 20, 24) == 'is neither polygons nor RLE'


def test_polygons():
    assert fault_of_segmentation([[0, 0, 24.5, 0, 24, 20]], 20, 24) is None
    far = [[0, 0, 24, 0, 24, 20], [0, 0, 1e9, 0, 24, 20]]
    assert fault_of_segmentation(far, 20, 24) == 'has a polygon far outside its image of 24x20 pixels'
