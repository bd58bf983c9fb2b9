"""Annotations and predictions of a data sample as plain results, to draw them."""

import os.path as osp
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from mmdet.structures import DetDataSample
from mmdet.structures.bbox import get_box_tensor
from mmdet.structures.mask import BaseInstanceMasks
from mmengine.structures import InstanceData, PixelData
from torch.utils.data import Dataset

from unihema_mm.datasets.label_space import attributes_of_class
from unihema_mm.structures.attributes import MISSING, AttributeSchema
from unihema_mm.structures.results import Answer, Cell, CellClass, CellMask, ImageResult, Sentence

_ANNOTATED = 'annotated_attributes'
IGNORED = 255  # pixels of a semantic mask that count as neither


def meta_for_pictures(dataset: Dataset) -> dict[str, Any] | None:
    """Metainfo of a data set with the classes for which it annotates an attribute, None without metainfo."""
    meta = getattr(dataset, 'metainfo', None)
    annotated = getattr(dataset, _ANNOTATED, None)
    return meta if meta is None or annotated is None else {**meta, _ANNOTATED: annotated}


def predicted_result(sample: DetDataSample, meta: Mapping, score_thr: float = 0.3) -> ImageResult:
    """Read the predictions off a data sample.

    Args:
        sample: On the CPU, with ``ori_shape`` and predictions in original pixels. An object query is one
            cell, of its best class.
        meta: Metainfo of the data set: ``classes``, and ``attributes`` where there are some, of which those
            are listed that it annotates for the class, see :func:`meta_for_pictures`.
        score_thr: Lowest score of a cell.

    Returns:
        The result; what the sample lacks stays empty.
    """
    info = sample.metainfo
    found: dict[str, Any] = {}
    if 'pred_instances' in sample:
        chosen = _best_of_queries(sample.pred_instances, score_thr)
        found['cells'] = _cells(chosen, meta)
    if 'pred_sem_seg' in sample:
        found['mask'] = _foreground(sample.pred_sem_seg)
    if 'pred_label' in sample:
        classes = _classes(meta)
        scores = sample.pred_scores.tolist() if 'pred_scores' in sample else []
        label = int(sample.pred_label)
        attributes = _decode(sample.get('pred_attributes'), _name(classes, label), meta)
        found['cell_class'] = CellClass(
            label=_name(classes, label),
            label_id=label,
            score=scores[label] if scores else 1.0,
            scores={_name(classes, place): score for place, score in enumerate(scores)},
            attributes=attributes,
        )
    found['answers'] = tuple(map(Answer, info.get('questions', ()), info.get('pred_answers', ())))
    found['sentences'] = tuple(map(Sentence, info.get('masked', ()), info.get('pred_completed', ())))
    return _result(sample, meta, found)


def annotated_result(sample: DetDataSample, meta: Mapping) -> ImageResult | None:
    """Read the annotations off a data sample.

    Args:
        sample: On the CPU, with ``ori_shape`` and annotations in original pixels.
        meta: As :func:`predicted_result`.

    Returns:
        The annotations, each with the score 1; None where there are none.
    """
    info = sample.metainfo
    found: dict[str, Any] = {}
    if 'gt_instances' in sample and 'bboxes' in sample.gt_instances:
        found['cells'] = _cells(sample.gt_instances, meta)
    if 'gt_sem_seg' in sample:
        found['mask'] = _foreground(sample.gt_sem_seg)
    if 'gt_label' in sample:
        label = int(sample.gt_label)
        name = _name(_classes(meta), label)
        attributes = _decode(sample.get('gt_attributes'), name, meta)
        found['cell_class'] = CellClass(name, label, 1.0, {}, attributes)
    if info.get('answers'):
        found['answers'] = tuple(map(Answer, info['questions'], info['answers']))
    if info.get('completed'):
        found['sentences'] = tuple(map(Sentence, info['masked'], info['completed']))
    return _result(sample, meta, found) if found else None


def _result(sample: DetDataSample, meta: Mapping, found: dict[str, Any]) -> ImageResult:
    height, width = sample.ori_shape[:2]
    path = sample.metainfo.get('img_path')
    return ImageResult(
        name=osp.basename(path or 'image'),
        path=path,
        width=width,
        height=height,
        tasks=tuple(sample.metainfo.get('tasks', ())),
        prompt=sample.metainfo.get('text'),
        classes=_classes(meta),
        **found,
    )


def _best_of_queries(instances: InstanceData, score_thr: float) -> InstanceData:
    instances = instances[instances.scores >= score_thr]
    instances = instances[instances.scores.argsort(descending=True, stable=True)]
    if 'queries' not in instances:
        return instances
    first: dict[int, int] = {}
    for place, query in enumerate(instances.queries.tolist()):
        first.setdefault(query, place)
    return instances[torch.tensor(list(first.values()), dtype=torch.long)]


def _cells(instances: InstanceData, meta: Mapping) -> tuple[Cell, ...]:
    classes = _classes(meta)
    labels = instances.labels.tolist()
    names = [_name(classes, label) for label in labels]
    boxes = get_box_tensor(instances.bboxes).tolist()
    scores = instances.scores.tolist() if 'scores' in instances else [1.0] * len(labels)
    masks = _arrays(instances.masks) if 'masks' in instances else [None] * len(labels)
    values = instances.attributes if 'attributes' in instances else [None] * len(labels)
    return tuple(
        Cell(tuple(box), name, label, score, _decode(value, name, meta), mask=_cut_out(mask))
        for box, name, label, score, mask, value in zip(
            boxes, names, labels, scores, masks, values, strict=True
        )
    )


def _arrays(masks: Any) -> np.ndarray:
    return masks.to_ndarray() if isinstance(masks, BaseInstanceMasks) else np.asarray(masks)


def _cut_out(mask: np.ndarray | None) -> CellMask | None:
    if mask is None or not mask.any():
        return None
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    part = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return CellMask(int(columns[0]), int(rows[0]), part.astype(bool))


def _foreground(data: PixelData) -> np.ndarray:
    mask = np.asarray(data.sem_seg)[0]
    return ((mask > 0) & (mask != IGNORED)).astype(np.uint8)


def _decode(values: torch.Tensor | None, name: str, meta: Mapping) -> dict[str, str]:
    if values is None or not meta.get('attributes'):
        return {}
    schema = AttributeSchema(meta['attributes'])
    if len(values) != len(schema) or bool((values == MISSING).all()):
        return {}
    return attributes_of_class(schema.decode(values), name, meta.get(_ANNOTATED))


def _classes(meta: Mapping) -> tuple[str, ...]:
    return tuple(meta.get('classes') or ())


def _name(classes: tuple[str, ...], label: int) -> str:
    return classes[label] if label < len(classes) else f'class {label}'
