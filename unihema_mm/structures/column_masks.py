"""Bitmap masks in the order in which pycocotools decodes them."""

from collections.abc import Sequence

import cv2
import mmcv
import numpy as np
from mmdet.structures.mask import BitmapMasks


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

    Raises:
        ValueError: The runs of an RLE are longer than its size, or not in order.
    """
    if not encoded:
        return ColumnMasks([], height, width)
    columns = np.zeros((len(encoded), width * height), np.uint8)
    for pixels, mask in zip(columns, encoded, strict=True):
        bounds = run_bounds(mask['counts']).tolist()
        if sorted(bounds) != bounds or bounds[-1:] > [width * height]:
            raise ValueError(f'an RLE does not fit its size of {width}x{height} pixels')
        for start, end in zip(bounds[::2], bounds[1::2], strict=False):  # a last run of zeros has no end
            pixels[start:end] = 1
    return ColumnMasks(columns.reshape(-1, width, height).transpose(0, 2, 1), height, width)


def run_bounds(counts: bytes | str) -> np.ndarray:
    """Ends of the runs of a compressed COCO RLE.

    pycocotools writes each pixel of the image by itself; most of them lie in no cell. COCO's format: numbers
    of 5 bits per character above 48, the lowest first, bit 5 tells that more follow, bit 4 of the last one is
    the sign; from the fourth number on, each is the difference to the last but one.

    Args:
        counts: The string.

    Returns:
        int64; pixels from an even place to the next are 1, the others 0.
    """
    content = counts.encode() if isinstance(counts, str) else counts
    if not content:
        return np.zeros(0, np.int64)
    codes = np.frombuffer(content, np.uint8).astype(np.int64) - 48
    last = np.flatnonzero(codes & 32 == 0)
    first = np.concatenate([[0], last[:-1] + 1])
    lengths = last - first + 1
    shifts = 5 * (np.arange(len(codes)) - np.repeat(first, lengths))
    runs = np.add.reduceat((codes & 31) << shifts, first)
    runs -= np.where(codes[last] & 16, 1 << 5 * lengths, 0)
    runs[1::2] = np.cumsum(runs[1::2])
    runs[2::2] = np.cumsum(runs[2::2])
    return np.cumsum(runs)
