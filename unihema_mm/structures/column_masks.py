"""Bitmap masks in the order in which pycocotools decodes them."""

from collections.abc import Sequence

import cv2
import mmcv
import numpy as np
from mmdet.structures.mask import BitmapMasks
from pycocotools import mask as coco_mask


class ColumnMasks(BitmapMasks):
    """mmdet's ``BitmapMasks`` that lie in memory column by column, as :func:`decode_masks` makes them.

    Same pixels, same methods. mmdet stacks and resizes such masks one by one, where each is copied into rows
    at its full size; here they are resized as they lie, and only the small result is put into rows.
    """

    def rescale(self, scale: float | tuple[int, int], interpolation: str = 'nearest') -> BitmapMasks:
        """Resize the masks, the aspect ratio kept; see ``BaseInstanceMasks.rescale``."""
        if len(self.masks) == 0 or interpolation != 'nearest':  # others round rows before columns
            return super().rescale(scale, interpolation)
        columns = (mmcv.imrescale(mask.T, scale, interpolation=interpolation) for mask in self.masks)
        masks = np.stack([cv2.transpose(mask) for mask in columns])
        return BitmapMasks(masks, *masks.shape[1:])


def decode_masks(encoded: Sequence[dict], height: int, width: int) -> ColumnMasks:
    """Decode masks of one size, all at once.

    Args:
        encoded: Compressed RLE, each of size ``[height, width]``.
        height: Height of the image.
        width: Width of the image.

    Returns:
        The masks, uint8 of shape (n, height, width), 0 or 1.
    """
    if not encoded:
        return ColumnMasks([], height, width)
    return ColumnMasks(coco_mask.decode(list(encoded)).transpose(2, 0, 1), height, width)
