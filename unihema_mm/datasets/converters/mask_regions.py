"""Connected regions of mask images as objects."""

import cv2
import numpy as np
from pycocotools import mask as coco_mask

from .source import RawObject


def label_regions(foreground: np.ndarray) -> tuple[int, np.ndarray]:
    """Number the connected regions of a mask; pixels that touch at a corner only are not connected.

    Args:
        foreground: Of shape (height, width), bool.

    Returns:
        The number of regions, and the number of each pixel's region, from 1, 0 for the background.
    """
    count, regions = cv2.connectedComponents(foreground.astype(np.uint8), connectivity=4)
    return count - 1, regions


def mask_keys(mask: np.ndarray) -> dict:
    """Make the keys of an object record that hold its mask.

    Args:
        mask: Of shape (height, width), bool.
    """
    rle = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    counts = rle['counts'].decode('ascii')
    return {'segmentation': {'size': list(mask.shape), 'counts': counts}, 'area': int(mask.sum())}


def objects_of_regions(foreground: np.ndarray, name: str, least_area: int) -> tuple[list[RawObject], int]:
    """Make an object of every connected region.

    Args:
        foreground: Of shape (height, width), bool.
        name: Class of the objects, as the source names it.
        least_area: Pixels that a region must have to be one.

    Returns:
        The objects, each with its box and mask, by the place of their first pixel row by row; and the number
        of smaller regions.
    """
    count, regions, stats, _ = cv2.connectedComponentsWithStats(foreground.astype(np.uint8), connectivity=4)
    objects = []
    for number, (x, y, width, height, area) in enumerate(stats[1:].tolist(), start=1):
        if area >= least_area:
            box = (x, y, x + width, y + height)
            objects.append(RawObject(name, box, f'{name} {number}', mask_keys(regions == number)))
    return objects, count - 1 - len(objects)
