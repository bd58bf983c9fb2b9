"""Attributes of detected cells."""

from dataclasses import dataclass

import numpy as np
from mmdet.structures.bbox import bbox_overlaps, get_box_tensor
from mmengine.logging import MMLogger
from mmengine.structures import InstanceData

from unihema_mm.registry import METRICS, TASK_UTILS
from unihema_mm.structures.attributes import MISSING

from .attribute_scores import (
    NO_VALUE,
    AttributeScore,
    attribute_table,
    mean_over_attributes,
    score_attributes,
)
from .sample_metric import SampleMetric, lookup


@dataclass(frozen=True)  # mmengine turns named tuples into plain ones
class _Cells:
    """True cells of one image (n) and what was predicted for them."""

    truth: np.ndarray  # (n, A)
    matched: np.ndarray | None  # (n, A), None without object queries
    has_query: np.ndarray  # (n, )
    detected: np.ndarray  # (n, A), NO_VALUE where not found
    found: np.ndarray  # (n, )


@METRICS.register_module()
class AttributeMetric(SampleMetric):
    """F1 of cell attributes on fields of view, in three ways that differ in what a missed cell costs.

    - ``matched``: the paper's way. Each true cell takes the object query that a Hungarian matcher assigns to
      it, however poor its box and score; a missed cell costs nothing (``pred_queries``). Skipped where the
      model does not predict them.
    - ``detected``: AttriDet's way. Each true cell takes the predicted box of highest IoU, whatever its class;
      cells without a box of at least ``iou_thr`` are left out (``pred_instances``). Two cells may take the
      same box; of boxes with the same IoU the one of higher score is taken.
    - ``missed_as_errors``: as before, but a cell without a box is an error of each of its annotated
      attributes: a false negative of the true value.

    Per attribute, F1 is the paper's: of the second value where an attribute has two, the macro mean over the
    values that occur where it has more. The F1 of a second value cannot see a missed cell of the first value;
    the macro F1 over both values and the accuracy can, and are reported beside it. Attributes that are not
    annotated (-1) are ignored. All numbers are in [0, 1].

    Metrics: ``found``, the share of the annotated cells with a box; per way ``<way>_f1``, ``<way>_macro_f1``,
    ``<way>_accuracy``, means over the attributes; per way and attribute ``<way>_<attribute>_f1``. What has
    nothing to score has no metric. Names and values come from ``dataset_meta['attributes']``.

    Args:
        iou_thr: Smallest IoU of a detection with its cell.
        score_thr: Smallest score of a detection. The paper's evaluation drops boxes up to 0.1.
        matcher: Config of the matcher of ``matched``. Defaults to mmdet's ``HungarianAssigner`` with the
            costs of the detector's training: focal 2, L1 of normalised (cx, cy, w, h) 5, GIoU 2.
        **kwargs: Arguments of mmengine's ``BaseMetric``.

    Raises:
        InputError: A prediction is missing, or labels do not fit the attributes.
    """

    default_prefix = 'morph'
    main_metrics = ('matched_f1', 'detected_f1', 'missed_as_errors_f1', 'found')
    truth = 'gt_instances.attributes'

    def __init__(
        self, iou_thr: float = 0.5, score_thr: float = 0.1, matcher: dict | None = None, **kwargs
    ) -> None:
        super().__init__(**kwargs)
        self.iou_thr = iou_thr
        self.score_thr = score_thr
        self.matcher = TASK_UTILS.build(
            matcher
            or dict(
                type='mmdet.HungarianAssigner',
                match_costs=[
                    dict(type='mmdet.FocalLossCost', weight=2.0),
                    dict(type='mmdet.BBoxL1Cost', weight=5.0, box_format='xywh'),
                    dict(type='mmdet.IoUCost', iou_mode='giou', weight=2.0),
                ],
            )
        )

    def summarise(self, sample: dict) -> _Cells:
        """Attributes of the true cells and of what was predicted for each."""
        truth = sample['gt_instances']['attributes'].cpu().numpy()
        for path in ('pred_instances.attributes', 'pred_queries.attributes'):
            labels = lookup(sample, path)
            if labels is not None and labels.shape[-1] != truth.shape[-1]:
                raise self.fault(
                    sample,
                    path,
                    f'has {labels.shape[-1]} attributes, the truth {truth.shape[-1]}; '
                    'give model and data set the same attributes',
                )
        detected, found = self._detected(sample, truth)
        matched, has_query = self._matched(sample, truth)
        return _Cells(truth, matched, has_query, detected, found)

    def score(self, summaries: list[_Cells]) -> dict[str, float]:
        """Compute the metrics; see the class."""
        logger = MMLogger.get_current_instance()
        truth = np.concatenate([cells.truth for cells in summaries])
        detected = np.concatenate([cells.detected for cells in summaries])
        found = np.concatenate([cells.found for cells in summaries])
        annotated = (truth != MISSING).any(axis=1)
        ways = {}
        queried = [cells for cells in summaries if cells.matched is not None]
        if len(queried) < len(summaries):
            logger.warning(
                f'AttributeMetric: {len(summaries) - len(queried)} of {len(summaries)} images have no '
                'pred_queries and do not count in "matched"'
            )
        if queried:
            has_query = np.concatenate([cells.has_query for cells in queried])
            ways['matched'] = (
                np.concatenate([cells.truth for cells in queried])[has_query],
                np.concatenate([cells.matched for cells in queried])[has_query],
            )
        ways['detected'] = truth[found], detected[found]
        ways['missed_as_errors'] = truth, detected
        metrics = {}
        if annotated.any():
            metrics['found'] = float(found[annotated].mean())
        logger.info(
            f'attributes: {annotated.sum()} of {len(truth)} cells in {len(summaries)} images are annotated, '
            f'{found[annotated].sum()} of these are found'
        )
        for way, (true, predicted) in ways.items():
            scores = score_attributes(true, predicted, self.dataset_meta['attributes'])
            logger.info(f'attributes, {way}\n' + attribute_table(scores))
            metrics.update(_named(way, scores))
        return metrics

    def _detected(self, sample: dict, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Attributes (n, A) of the box of each cell, NO_VALUE without one, and whether there is one (n, )."""
        labels = np.full_like(truth, NO_VALUE)
        attributes, boxes, scores = (
            self.required(sample, f'pred_instances.{key}').cpu() for key in ('attributes', 'bboxes', 'scores')
        )
        order = scores.argsort(descending=True, stable=True)
        order = order[scores[order] >= self.score_thr]
        if not len(order) or not len(truth):
            return labels, np.zeros(len(truth), dtype=bool)
        cells = get_box_tensor(self.required(sample, 'gt_instances.bboxes')).cpu()
        overlaps = bbox_overlaps(cells.float(), boxes[order].float()).numpy()
        found = overlaps.max(axis=1) >= self.iou_thr
        labels[found] = attributes[order].numpy()[overlaps.argmax(axis=1)[found]]
        return labels, found

    def _matched(self, sample: dict, truth: np.ndarray) -> tuple[np.ndarray | None, np.ndarray]:
        """Attributes (n, A) of the query of each cell, and whether there is one (n, ).

        A cell goes without where there are more cells than queries.
        """
        labels, has_query = np.full_like(truth, NO_VALUE), np.zeros(len(truth), dtype=bool)
        if lookup(sample, 'pred_queries') is None:
            return None, has_query
        logits, boxes, attributes = (
            self.required(sample, f'pred_queries.{key}').cpu() for key in ('logits', 'bboxes', 'attributes')
        )
        assigned = self.matcher.assign(
            InstanceData(scores=logits.float(), bboxes=boxes.float()),
            InstanceData(
                labels=self.required(sample, 'gt_instances.labels').cpu(),
                bboxes=get_box_tensor(self.required(sample, 'gt_instances.bboxes')).cpu().float(),
            ),
            dict(img_shape=sample['ori_shape']),  # boxes are in original pixels
        )
        queries = np.flatnonzero(assigned.gt_inds.numpy() > 0)
        chosen = assigned.gt_inds.numpy()[queries] - 1
        labels[chosen] = attributes.numpy()[queries]
        has_query[chosen] = True
        return labels, has_query


def _named(way: str, scores: dict[str, AttributeScore]) -> dict[str, float]:
    values = {
        f'{way}_{field}': mean_over_attributes(scores, field) for field in ('f1', 'macro_f1', 'accuracy')
    }
    values.update({f'{way}_{name}_f1': score.f1 for name, score in scores.items()})
    return {key: value for key, value in values.items() if value is not None}
