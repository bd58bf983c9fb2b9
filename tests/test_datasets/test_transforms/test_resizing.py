import numpy as np
import pytest

from unihema_mm.registry import TRANSFORMS


def record(height, width):
    return {'img': np.zeros((height, width, 3), np.uint8), 'gt_seg_map': np.ones((height, width), np.uint8)}


@pytest.mark.parametrize(
    ('size', 'after'),
    [
        ((480, 640), (240, 320)),
        ((640, 480), (320, 240)),
        ((128, 128), (128, 128)),
        ((240, 320), (240, 320)),
        ((1, 1), (1, 1)),
        ((241, 241), (240, 240)),
    ],
)
def test_shrink_to_fit(size, after):
    shrunk = TRANSFORMS.build({'type': 'unihema_mm.ShrinkToFit', 'scale': (320, 240)})(record(*size))
    assert shrunk['img'].shape[:2] == shrunk['gt_seg_map'].shape == tuple(shrunk['img_shape']) == after
    np.testing.assert_allclose(shrunk['scale_factor'], np.divide(after, size)[::-1])


def test_permuted_channels():
    np.random.seed(0)
    image = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    permute = TRANSFORMS.build({'type': 'unihema_mm.PermuteChannels'})
    found = {tuple(permute({'img': image})['img'][0, 0]) for _ in range(60)}
    assert len(found) == 6 and all(sorted(pixel) == [0, 1, 2] for pixel in found)
