"""Detections on images of which not all objects are annotated."""

from collections.abc import Container

import numpy as np
from pycocotools.cocoeval import COCOeval


def ignore_unmatched(evaluator: COCOeval, img_ids: Container[int]) -> None:
    """Let detections without an object count neither way, as on LVIS's images (arXiv 1908.03195, section 3).

    Args:
        evaluator: After ``evaluate``, before ``accumulate``; its ``evalImgs`` are changed.
        img_ids: Images that are labelled in part.
    """
    for found in evaluator.evalImgs:
        if found is not None and found['image_id'] in img_ids:
            found['dtIgnore'] = np.logical_or(found['dtIgnore'], found['dtMatches'] == 0)
