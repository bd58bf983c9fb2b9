"""Noise images with random truth, as a loader gives them."""

from collections.abc import Sequence

import numpy as np
import torch
from mmdet.structures import DetDataSample
from mmdet.structures.mask import BitmapMasks
from mmengine.structures import InstanceData, PixelData

from unihema_mm.models.heads import CellAttributeHead
from unihema_mm.models.tasks import Task, TextGenerationTask

PROMPTS = ('Malaria', 'complete blood count', 'Sickle cell disease')
WORDS = ('which', 'cell', 'has', 'the', 'largest', 'round', 'nucleus', 'here')


def synthetic_batch(size: tuple[int, int], objects: Sequence[int], num_classes: int, seed: int = 0) -> dict:
    """Batch of noise images with random boxes.

    Args:
        size: Height and width in pixels.
        objects: Number of objects of each image; its length is the batch size.
        num_classes: Labels lie in [0, num_classes).
        seed: Seed of images and boxes.

    Returns:
        ``inputs``, uint8 tensors (3, H, W), and ``data_samples`` with ``gt_instances`` and ``text``.
    """
    generator = torch.Generator().manual_seed(seed)
    height, width = size
    inputs, samples = [], []
    for number, count in enumerate(objects):
        inputs.append(torch.randint(0, 256, (3, height, width), dtype=torch.uint8, generator=generator))
        centre = torch.rand(count, 2, generator=generator) * torch.tensor([width, height])
        half = (0.02 + 0.06 * torch.rand(count, 2, generator=generator)) * min(size)
        boxes = torch.cat([centre - half, centre + half], dim=1)
        boxes[:, 0::2] = boxes[:, 0::2].clamp(0, width)
        boxes[:, 1::2] = boxes[:, 1::2].clamp(0, height)
        words = PROMPTS[number % len(PROMPTS)]
        sample = DetDataSample(metainfo=dict(
            img_id=number, img_shape=size, ori_shape=size, scale_factor=(1.0, 1.0),
            text=f'This image is for the detection of {words} cells'))  # fmt: skip
        sample.gt_instances = InstanceData(
            bboxes=boxes, labels=torch.randint(0, num_classes, (count,), generator=generator)
        )
        samples.append(sample)
    return dict(inputs=inputs, data_samples=samples)


def task_batch(
    key: str, task: Task, size: tuple[int, int], objects: Sequence[int], num_classes: int, texts: int = 1
) -> dict:
    """Batch of one task: noise images with all truth that a task may read.

    Args:
        key: Key of the task in the model.
        task: The task; it knows its attributes, classes and texts.
        size: See :func:`synthetic_batch`.
        objects: See :func:`synthetic_batch`.
        num_classes: See :func:`synthetic_batch`.
        texts: Number of texts on each image.

    Returns:
        See :func:`synthetic_batch`; the samples name the task.
    """
    batch = synthetic_batch(size, objects, num_classes)
    rng = np.random.default_rng(0)
    schema = next((part.schema for part in task.modules() if isinstance(part, CellAttributeHead)), None)
    for sample in batch['data_samples']:
        masks = _box_masks(sample.gt_instances.bboxes, size)
        sample.gt_instances.masks = BitmapMasks(masks, *size)
        sample.gt_sem_seg = PixelData(sem_seg=torch.from_numpy(masks.any(axis=0, keepdims=True)).byte())
        sample.gt_label = torch.tensor([int(rng.integers(getattr(task, 'num_classes', 1)))])
        if schema is not None:
            values = [len(names) for names in schema.attributes.values()]
            sample.gt_instances.attributes = torch.from_numpy(
                rng.integers(0, values, (len(masks), len(values)))
            )
            sample.gt_attributes = torch.from_numpy(rng.integers(0, values))
        sample.set_metainfo(dict(tasks=(key,)))
        if isinstance(task, TextGenerationTask):
            sample.set_metainfo(
                {task.source: random_texts(rng, texts), task.target: random_texts(rng, texts)}
            )
    return batch


def random_texts(rng: np.random.Generator, number: int) -> list[str]:
    """Texts of the same words in random order."""
    return [' '.join(rng.permutation(WORDS)) for _ in range(number)]


def _box_masks(boxes: torch.Tensor, size: tuple[int, int]) -> np.ndarray:
    masks = np.zeros((len(boxes), *size), np.uint8)
    for mask, (left, top, right, bottom) in zip(masks, boxes.int().tolist(), strict=True):
        mask[top:bottom, left:right] = 1
    return masks
