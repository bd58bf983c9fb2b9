"""Changes of colour."""

import numpy as np
from mmcv.transforms import BaseTransform

from unihema_mm.registry import TRANSFORMS


@TRANSFORMS.register_module()
class PermuteChannels(BaseTransform):
    """Put the colour channels of an image into random order, the given one included.

    Modified key: ``img``.
    """

    def transform(self, results: dict) -> dict:
        """Permute the channels of one image."""
        results['img'] = results['img'][..., np.random.permutation(results['img'].shape[2])]
        return results
