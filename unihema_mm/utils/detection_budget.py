"""How many detections an image may have, from how many objects the data holds."""

import math

COCO_MAX_DETS = 100
HEADROOM = 1.5
STEP = 50


def detection_budget(most_objects: int) -> int:
    """Number of detections per image to keep and to evaluate.

    COCO stops at 100 detections, which caps the AP of a dense smear: with 200 cells and 100
    detections the recall cannot exceed 0.5.

    Args:
        most_objects: Objects in the fullest image.

    Returns:
        100 where that is enough; else 1.5 times ``most_objects``, rounded up to a multiple of 50.
    """
    if most_objects <= COCO_MAX_DETS:
        return COCO_MAX_DETS
    return math.ceil(HEADROOM * most_objects / STEP) * STEP
