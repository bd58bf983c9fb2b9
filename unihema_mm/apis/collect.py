"""From a data sample with predictions to a plain result."""

from typing import Any

import numpy as np
import torch
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData
from torch import Tensor

from unihema_mm.datasets.label_space import attributes_of_class
from unihema_mm.structures.results import (
    Answer,
    Cell,
    CellClass,
    CellMask,
    ImageResult,
    Sentence,
)

from .loaded_model import LoadedModel
from .request import Request

LIMIT_REACHED = 'and found as many: there may be more'  # part of a warning


def collect(
    sample: DetDataSample,
    loaded: LoadedModel,
    request: Request,
    name: str,
    path: str | None,
    seconds: float,
    warnings: tuple[str, ...] = (),
) -> ImageResult:
    """Read the predictions off a data sample; what it lacks stays empty.

    Args:
        sample: With ``ori_shape`` and the predictions of the tasks, in original pixels.
        loaded: The model.
        request: What was asked.
        name: Name of the image.
        path: Its file.
        seconds: Time it took.
        warnings: What is known about it.
    """
    height, width = sample.ori_shape[:2]
    found: dict[str, Any] = {}
    if 'pred_instances' in sample:
        found['classes'] = loaded.classes
        found['cells'] = _cells(sample.pred_instances, loaded, request, width, height)
        warnings += _warn_of_limit(sample.pred_instances, loaded, request)
    if 'pred_sem_seg' in sample:
        found['mask'] = sample.pred_sem_seg.sem_seg[0].to(torch.uint8).cpu().numpy()
    if 'pred_scores' in sample:
        found['cell_class'] = _cell_class(sample, loaded)
    meta = sample.metainfo
    found['answers'] = tuple(map(Answer, meta.get('questions', ()), meta.get('pred_answers', ())))
    found['sentences'] = tuple(map(Sentence, meta.get('masked', ()), meta.get('pred_completed', ())))
    return ImageResult(
        name=name,
        path=path,
        width=width,
        height=height,
        tasks=request.tasks,
        prompt=request.prompt,
        thresholds=request.thresholds,
        seconds=seconds,
        warnings=warnings,
        **found,
    )


def _cells(
    instances: InstanceData, loaded: LoadedModel, request: Request, width: int, height: int
) -> tuple[Cell, ...]:
    scores, labels = instances.scores.tolist(), instances.labels.tolist()
    boxes = instances.bboxes.cpu().double().numpy().clip(0, [width, height, width, height]).tolist()
    cells = []
    for place in _chosen(instances, request):
        label = loaded.classes[labels[place]]
        mask, mask_score, attributes, attribute_scores = None, None, {}, {}
        if 'masks' in instances:
            mask_score = float(instances.mask_scores[place])
            if mask_score >= request.mask_score:
                mask = _cut_out(instances.masks[place])
        if 'attributes' in instances and loaded.cell_schema is not None:
            values = loaded.cell_schema.decode(instances.attributes[place])
            attributes = attributes_of_class(values, label, loaded.cell_attributes)
            certain = dict(
                zip(loaded.cell_schema.names, instances.attribute_scores[place].tolist(), strict=True)
            )
            attribute_scores = {name: certain[name] for name in attributes}
        cells.append(
            Cell(
                bbox=tuple(boxes[place]),
                label=label,
                label_id=labels[place],
                score=scores[place],
                attributes=attributes,
                attribute_scores=attribute_scores,
                mask=mask,
                mask_score=mask_score,
            )
        )
    return tuple(cells)


def _chosen(instances: InstanceData, request: Request) -> list[int]:
    """Places of the cells by falling score: an object query is one cell, of its best class."""
    order = instances.scores.argsort(descending=True, stable=True).tolist()
    scores, queries = instances.scores.tolist(), instances.queries.tolist()
    best: dict[int, int] = {}
    for place in order:
        if scores[place] >= request.score:
            best.setdefault(queries[place], place)
    return list(best.values())[: request.max_detections]


def _cut_out(mask: Tensor) -> CellMask | None:
    """The part of a mask (height, width) that holds its pixels, None where there are none."""
    rows, columns = mask.any(dim=1).nonzero(), mask.any(dim=0).nonzero()
    if not len(rows):
        return None
    (top, bottom), (left, right) = ((int(line[0]), int(line[-1]) + 1) for line in (rows, columns))
    pixels = mask[top:bottom, left:right].cpu().numpy()
    return CellMask(left, top, np.array(pixels, bool))


def _cell_class(sample: DetDataSample, loaded: LoadedModel) -> CellClass:
    scores = sample.pred_scores.tolist()
    label_id = int(sample.pred_label)
    label = loaded.cell_classes[label_id]
    attributes = {}
    if 'pred_attributes' in sample and loaded.image_schema is not None:
        values = loaded.image_schema.decode(sample.pred_attributes)
        attributes = attributes_of_class(values, label, loaded.image_attributes)
    return CellClass(
        label=label,
        label_id=label_id,
        score=scores[label_id],
        scores=dict(zip(loaded.cell_classes, scores, strict=True)),
        attributes=attributes,
    )


def _warn_of_limit(instances: InstanceData, loaded: LoadedModel, request: Request) -> tuple[str, ...]:
    limit = loaded.model.bbox_head.test_cfg.get('max_per_img', loaded.model.num_queries)
    if len(instances) < limit or not len(instances) or instances.scores.min() < request.score:
        return ()
    return (f'the model finds {limit} cells in an image at most, {LIMIT_REACHED}; cut the image into tiles',)
