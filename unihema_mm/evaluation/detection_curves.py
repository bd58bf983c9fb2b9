"""Confusion and precision-recall curves of detections."""

from collections.abc import Iterable, Sequence
from contextlib import redirect_stdout
from io import StringIO

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from sklearn.metrics import confusion_matrix

from .cell_matching import Cells, Field, match_field
from .partly_labelled import ignore_unmatched

BACKGROUND = 'background'


def detection_confusion(
    fields: Iterable[Field], num_classes: int, score_thr: float = 0.3, iou_thr: float = 0.5
) -> np.ndarray:
    """Count which class is taken for which, with the background as one more class.

    Args:
        fields: Fields of view.
        num_classes: Number of classes C.
        score_thr: Lowest score of a detection; an object query counts with its best class.
        iou_thr: Smallest IoU of a detection with its cell; see :func:`match_field`.

    Returns:
        Counts, int64 (C + 1, C + 1); row: true class, column: predicted class. The last column has the
        missed cells, the last row the detections where no cell is annotated.
    """
    truth, predicted = [], []
    for field in fields:
        found, matches = match_field(field, score_thr, iou_thr)
        for row, column in matches.pairs:
            truth.append(field.truth.labels[row])
            predicted.append(found.labels[column])
        truth += [*field.truth.labels[matches.missed], *[num_classes] * len(matches.invented)]
        predicted += [*[num_classes] * len(matches.missed), *found.labels[matches.invented]]
    if not truth:
        return np.zeros((num_classes + 1,) * 2, np.int64)
    return confusion_matrix(truth, predicted, labels=range(num_classes + 1))


def precision_recall(
    fields: Iterable[Field], classes: Sequence[str], iou_thr: float = 0.5
) -> dict[str, tuple[np.ndarray, np.ndarray, float]]:
    """Precision over recall of each class, as COCO computes them.

    Detections in a crowd of their class, and those without a cell on a field that is labelled in part, count
    neither way.

    Args:
        fields: Fields of view.
        classes: Class names.
        iou_thr: Smallest IoU of a detection with its cell.

    Returns:
        Class -> precision at the 101 recalls of COCO, these recalls, average precision. Classes without an
        annotated cell are left out.
    """
    fields = list(fields)
    none = Cells(np.empty((0, 4)), np.empty(0, int), np.empty(0))
    annotated = [{**item, 'iscrowd': 0} for item in _items(field.truth for field in fields)]
    annotated += [{**item, 'iscrowd': 1} for item in _items(field.crowds or none for field in fields)]
    annotations = [{**item, 'id': number} for number, item in enumerate(annotated, start=1)]
    truth = COCO()
    truth.dataset = dict(
        images=[dict(id=number) for number in range(len(fields))],
        annotations=annotations,
        categories=[dict(id=label, name=name) for label, name in enumerate(classes)],
    )
    found = list(_items(field.found for field in fields))
    with redirect_stdout(StringIO()):
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(found) if found else COCO(), 'bbox')
        evaluation.params.iouThrs = np.array([iou_thr])
        evaluation.params.maxDets = [max((len(field.found) for field in fields), default=1) or 1]
        evaluation.params.areaRng, evaluation.params.areaRngLbl = [[0, 1e10]], ['all']
        evaluation.evaluate()
        partly = {number for number, field in enumerate(fields) if field.is_partly_labelled}
        ignore_unmatched(evaluation, partly)
        evaluation.accumulate()
    recall = evaluation.params.recThrs
    curves = {}
    for label, name in enumerate(classes):
        precision = evaluation.eval['precision'][0, :, label, 0, 0]
        if (precision >= 0).all():  # -1 where a class has no cell
            curves[name] = precision, recall, float(precision.mean())
    return curves


def _items(parts: Iterable[Cells]) -> Iterable[dict]:
    for number, cells in enumerate(parts):
        for (x1, y1, x2, y2), label, score in zip(
            cells.boxes.tolist(), cells.labels.tolist(), cells.scores.tolist(), strict=True
        ):
            size = x2 - x1, y2 - y1
            yield dict(
                image_id=number,
                category_id=label,
                bbox=[x1, y1, *size],
                area=size[0] * size[1],
                score=score,
            )
