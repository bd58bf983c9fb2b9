"""Size of the images that a model was trained with, before they were resized for the network."""

import json
from collections.abc import Mapping
from pathlib import Path
from statistics import median

from mmengine.config import Config

from .config_sets import TRAINING, sets_of_config

KEY = 'field_size'

Size = tuple[int, int]


def field_size(cfg: Config, task: str) -> Size | None:
    """Size of the images of a task.

    It is ``field_size`` of the config, ``(width, height)`` or a pair for each task, else the median of the
    images of the training set.

    Args:
        cfg: Config of the model.
        task: Such as 'det'.

    Returns:
        Width and height, pixels; None where the config does not say, and the annotation file of the training
        is not there.
    """
    stated = cfg.get(KEY)
    if isinstance(stated, Mapping):
        stated = stated.get(task)
    if stated is not None:
        return int(stated[0]), int(stated[1])
    for item in sets_of_config(cfg):
        if item.loader == TRAINING and task in item.tasks:
            images = _images(
                Path(item.config.get('data_root') or '.') / item.config.get('ann_file', ''), task
            )
            if images:
                width, height = (
                    round(median(image[side] for image in images)) for side in ('width', 'height')
                )
                return width, height
    return None


def field_sizes(cfg: Config) -> dict[str, Size]:
    """Task -> size of its images, see :func:`field_size`; tasks whose size nothing tells are left out."""
    tasks = sorted({task for item in sets_of_config(cfg) if item.loader == TRAINING for task in item.tasks})
    found = {task: field_size(cfg, task) for task in tasks}
    return {task: size for task, size in found.items() if size is not None}


def _images(path: Path, task: str) -> list[Mapping]:
    try:
        images = json.loads(path.read_bytes())['images']
        return [image for image in images if task in image.get('tasks', [task]) and image['width'] > 0]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []
