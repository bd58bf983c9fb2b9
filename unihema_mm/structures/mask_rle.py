"""Masks as COCO's compressed run-length encoding, which JSON can hold."""

from itertools import pairwise

import numpy as np
from pycocotools import mask as coco_mask


def encode_pixels(pixels: np.ndarray, x: int, y: int, width: int, height: int) -> dict:
    """Encode a mask that is cut out of an image, without making it as large as the image.

    Args:
        pixels: Mask, (h, w), of which what is not 0 is foreground.
        x: Its left column in the image.
        y: Its top row.
        width: Width of the image.
        height: Its height.

    Returns:
        ``{'size': [height, width], 'counts': str}`` of the whole image, as pycocotools makes it.
    """
    columns, rows = np.nonzero(np.asarray(pixels).T)
    places = (columns + x) * height + rows + y  # COCO counts down the columns
    breaks = np.flatnonzero(np.diff(places) > 1)
    starts = places[np.concatenate([[0], breaks + 1])] if len(places) else places
    ends = places[np.concatenate([breaks, [-1]])] + 1 if len(places) else places
    bounds = [0, *np.stack([starts, ends], axis=1).ravel().tolist(), width * height]
    counts = [end - start for start, end in pairwise(bounds)]
    if len(counts) > 1 and not counts[-1]:
        counts.pop()
    encoded = coco_mask.frPyObjects({'size': [height, width], 'counts': counts}, height, width)
    return {'size': [height, width], 'counts': encoded['counts'].decode()}


def decode_pixels(encoded: dict) -> tuple[np.ndarray, int, int]:
    """Decode a mask and cut it out.

    Args:
        encoded: ``{'size': [height, width], 'counts': str}``.

    Returns:
        Bool (h, w), its left column and its top row; (0, 0) pixels at 0, 0 where it is empty.
    """
    x, y, w, h = (int(value) for value in coco_mask.toBbox(encoded))
    return coco_mask.decode(encoded)[y : y + h, x : x + w].astype(bool), x, y


def decode_image(encoded: dict) -> np.ndarray:
    """Decode a mask of a whole image, uint8 (height, width), 0 or 1."""
    return np.ascontiguousarray(coco_mask.decode(encoded))
