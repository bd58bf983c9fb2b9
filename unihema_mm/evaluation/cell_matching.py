"""Detected cells against annotated ones, one to one."""

from dataclasses import dataclass, field, replace

import numpy as np
from pycocotools import mask as coco_mask
from scipy.optimize import linear_sum_assignment


@dataclass(frozen=True)
class Cells:
    """Cells of one field, annotated or predicted.

    Attributes:
        boxes: x1, y1, x2, y2 in pixels, (n, 4).
        labels: Classes, (n, ).
        scores: Confidence, (n, ); ones for annotations.
        attributes: Labels of attributes, (n, A), -1 where unknown; None without attributes.
        queries: Object query of each, (n, ), where a query may stand there with several classes; else None.
    """

    boxes: np.ndarray
    labels: np.ndarray
    scores: np.ndarray
    attributes: np.ndarray | None = None
    queries: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def chosen(self, score_thr: float) -> 'Cells':
        """Those of at least a score, by falling score; of an object query only the best class."""
        order = np.argsort(-self.scores, kind='stable')
        order = order[self.scores[order] >= score_thr]
        if self.queries is not None:
            order = order[np.sort(np.unique(self.queries[order], return_index=True)[1])]
        return self.at(order)

    def at(self, places: np.ndarray) -> 'Cells':
        """Those at some places, given as numbers or as a mask."""
        parts = (self.boxes, self.labels, self.scores, self.attributes, self.queries)
        return Cells(*(None if part is None else part[places] for part in parts))


@dataclass(frozen=True)
class Field:
    """Annotation and prediction of one field of view.

    Attributes:
        path: Image file.
        truth: Annotated cells.
        found: Predicted cells.
        crowds: Groups of cells of a class that are annotated as a whole; None where there are none.
        is_partly_labelled: Whether cells may be there that are not annotated.
    """

    path: str
    truth: Cells
    found: Cells
    crowds: Cells | None = None
    is_partly_labelled: bool = False


@dataclass(frozen=True)
class Matches:
    """Which detection is which annotated cell.

    Attributes:
        pairs: (place in the annotation, place in the prediction).
        missed: Places of annotated cells without a detection.
        invented: Places of detections without an annotated cell.
    """

    pairs: list[tuple[int, int]] = field(default_factory=list)
    missed: list[int] = field(default_factory=list)
    invented: list[int] = field(default_factory=list)


def match_field(field: Field, score_thr: float, iou_thr: float = 0.5) -> tuple[Cells, Matches]:
    """Pair the detections of a field with its cells, and leave out what the annotation does not tell.

    A detection that lies in a crowd of its class, or without a cell on a field that is labelled in part, is
    neither right nor wrong, as for :class:`~unihema_mm.evaluation.metrics.SmearCocoMetric`.

    Args:
        field: The field.
        score_thr: Lowest score of a detection; an object query counts with its best class.
        iou_thr: Smallest IoU of a pair; of a detection, smallest share that lies in a crowd.

    Returns:
        The detections, and the pairs.
    """
    found = field.found.chosen(score_thr)
    matches = match_cells(field.truth, found, iou_thr)
    if field.is_partly_labelled:
        return found, replace(matches, invented=[])
    if field.crowds is not None and len(field.crowds):
        share = overlaps(field.crowds, found, are_crowds=True)
        inside = ((share >= iou_thr) & (field.crowds.labels[:, None] == found.labels[None])).any(axis=0)
        matches = replace(matches, invented=[place for place in matches.invented if not inside[place]])
    return found, matches


def match_cells(truth: Cells, found: Cells, iou_thr: float = 0.5) -> Matches:
    """Pair detections with annotated cells, each at most once, whatever their classes.

    The pairs are those with the most cells of the right class, then of the greatest IoU in total.

    Args:
        truth: Annotated cells.
        found: Predicted cells.
        iou_thr: Smallest IoU of a pair.

    Returns:
        The pairs, and what is left over on both sides.
    """
    overlap = overlaps(truth, found)
    fits = overlap >= iou_thr
    same = truth.labels[:, None] == found.labels[None]
    # A right pair outweighs all others together, a pair the overlap of any two.
    right = 4.0 * min(same.shape) * same
    rows, columns = linear_sum_assignment(np.where(fits, overlap + 2.0 + right, 0), maximize=True)
    pairs = [(int(row), int(column)) for row, column in zip(rows, columns, strict=True) if fits[row, column]]
    missed = sorted(set(range(len(truth))) - {row for row, _ in pairs})
    invented = sorted(set(range(len(found))) - {column for _, column in pairs})
    return Matches(pairs, missed, invented)


def overlaps(truth: Cells, found: Cells, are_crowds: bool = False) -> np.ndarray:
    """Compute the IoU of each annotated cell with each detection, (annotated, found).

    Of crowds it is the share of the detection that lies in the crowd.
    """
    if not len(truth) or not len(found):
        return np.zeros((len(truth), len(found)))
    return coco_mask.iou(_xywh(found.boxes), _xywh(truth.boxes), [int(are_crowds)] * len(truth)).T


def _xywh(boxes: np.ndarray) -> np.ndarray:
    return np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1).astype(np.float64)
