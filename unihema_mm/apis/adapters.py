"""Results as objects of other libraries."""

from typing import TYPE_CHECKING

import numpy as np
import torch
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData, PixelData

from unihema_mm.structures.results import Cell, ImageResult
from unihema_mm.utils.errors import InputError

if TYPE_CHECKING:
    import supervision


def to_supervision(result: ImageResult) -> 'supervision.Detections':
    """Cells as ``supervision.Detections``, for its annotators, trackers and sinks.

    Args:
        result: Result with cells.

    Returns:
        Boxes, confidences and class ids of n cells; ``data['class_name']``, and ``data[attribute]`` of each
        attribute, '' where a cell lacks it. ``mask`` is bool (n, height, width), None where no cell has one.

    Raises:
        InputError: Cells were not asked for, or supervision is not installed.
    """
    try:
        import supervision
    except ImportError:
        raise InputError('supervision is not installed; pip install supervision') from None
    cells = _cells(result)
    names = dict.fromkeys(name for cell in cells for name in cell.attributes)
    data = {name: np.array([cell.attributes.get(name, '') for cell in cells]) for name in names}
    return supervision.Detections(
        xyxy=np.array([cell.bbox for cell in cells], np.float32).reshape(-1, 4),
        confidence=np.array([cell.score for cell in cells], np.float32),
        class_id=np.array([cell.label_id for cell in cells], int),
        mask=full_masks(result) if any(cell.mask is not None for cell in cells) else None,
        data={'class_name': np.array([cell.label for cell in cells], dtype=str), **data},
    )


def to_data_sample(result: ImageResult) -> DetDataSample:
    """Result as the data sample of mmdet's visualizer, metrics and hooks.

    Returns:
        ``pred_instances`` (boxes, scores, labels, and bool masks (n, height, width) where there are any),
        ``pred_sem_seg``, ``pred_label`` and ``pred_scores`` as far as they were asked for; answers and
        completed sentences in the metainfo.
    """
    shape = (result.height, result.width)
    meta = dict(img_path=result.path or result.name, img_id=result.name, ori_shape=shape, img_shape=shape)
    if result.answers:
        meta['questions'] = [item.question for item in result.answers]
        meta['pred_answers'] = [item.answer for item in result.answers]
    if result.sentences:
        meta['masked'] = [item.masked for item in result.sentences]
        meta['pred_completed'] = [item.completed for item in result.sentences]
    sample = DetDataSample(metainfo={**meta, 'tasks': result.tasks})
    if result.cells is not None:
        cells = result.cells
        sample.pred_instances = InstanceData(
            bboxes=torch.tensor([cell.bbox for cell in cells], dtype=torch.float32).reshape(-1, 4),
            scores=torch.tensor([cell.score for cell in cells], dtype=torch.float32),
            labels=torch.tensor([cell.label_id for cell in cells], dtype=torch.long),
        )
        if any(cell.mask is not None for cell in cells):
            sample.pred_instances.masks = torch.from_numpy(full_masks(result))
    if result.mask is not None:
        sample.pred_sem_seg = PixelData(sem_seg=torch.from_numpy(result.mask)[None])
    if result.cell_class is not None:
        sample.pred_label = torch.tensor([result.cell_class.label_id])
        sample.pred_scores = torch.tensor(list(result.cell_class.scores.values()))
    return sample


def full_masks(result: ImageResult) -> np.ndarray:
    """Masks of the cells at the size of the image, bool (n, height, width), empty where a cell has none.

    Raises:
        InputError: Cells were not asked for.
    """
    cells = _cells(result)
    masks = np.zeros((len(cells), result.height, result.width), bool)
    for mask, cell in zip(masks, cells, strict=True):
        if cell.mask is not None:
            height, width = cell.mask.pixels.shape
            mask[cell.mask.y : cell.mask.y + height, cell.mask.x : cell.mask.x + width] = cell.mask.pixels
    return masks


def _cells(result: ImageResult) -> tuple[Cell, ...]:
    if result.cells is None:
        raise InputError(f'{result.name}: has no cells, tasks were {", ".join(result.tasks)}; ask for det')
    return result.cells
