"""Which images are predicted by tiles, and of what size."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import Literal

from mmengine.config import Config

from unihema_mm.utils.errors import InputError

from .header import file_size
from .label_names import sets_of_config
from .tiling import tiles

# The field of a microscope's camera has up to about 25 megapixels: a larger image is a mosaic of many fields.
AUTO_PIXELS = 25_000_000

TileSize = int | tuple[int, int]


@dataclass(frozen=True)
class TilingChoice:
    """Which images are predicted by tiles.

    Attributes:
        tile: Side of a tile, or its width and height; 'auto' for the size of a field of the training.
        overlap: Pixels that neighbours share, None for the default.
        cfg: Config of the model.
        task: Task that the fields of 'auto' are for.
    """

    tile: TileSize | Literal['auto']
    overlap: int | None
    cfg: Config
    task: str

    def __post_init__(self) -> None:
        if self.tile != 'auto':
            tiles(1, 1, self.tile, self.overlap)

    @cached_property
    def size(self) -> TileSize:
        """Size of the tiles.

        Raises:
            InputError: It is 'auto', and nothing tells the size of the fields.
        """
        return field_size(self.cfg, self.task) if self.tile == 'auto' else self.tile

    def takes_file(self, path: str | os.PathLike | None) -> bool:
        """Whether a file is predicted by tiles; its header is read for 'auto' alone."""
        if self.tile != 'auto':
            return True
        size = file_size(path) if path is not None else None
        return size is not None and self.takes(*size)

    def takes(self, width: int, height: int) -> bool:
        """Whether an image of this size is predicted by tiles."""
        return self.tile != 'auto' or width * height > AUTO_PIXELS


def field_size(cfg: Config, task: str) -> tuple[int, int]:
    """Size of the images that a model was trained with for a task, before they were resized for the network.

    A tile of this size shows cells as large as the model knows them, if image and training have one
    magnification. It is ``field_size = (width, height)`` of the config, else the median of the images of the
    training set.

    Args:
        cfg: Config of the model.
        task: Such as 'det'.

    Returns:
        Width and height, pixels.

    Raises:
        InputError: The config does not say, and the annotation file of the training is not there.
    """
    stated = cfg.get('field_size')
    if stated is not None:
        return int(stated[0]), int(stated[1])
    for item in sets_of_config(cfg):
        if item.loader == 'train_dataloader' and task in item.tasks:
            images = _images(
                Path(item.config.get('data_root') or '.') / item.config.get('ann_file', ''), task
            )
            if images:
                return tuple(round(median(image[side] for image in images)) for side in ('width', 'height'))
    raise InputError(
        f'tile: nothing tells the size of the fields that the model was trained with for {task}; give '
        'tile=(width, height) in pixels, in which cells are as large as there, or tile=None to shrink the '
        'whole image as a single field'
    )


def _images(path: Path, task: str) -> list[Mapping]:
    try:
        images = json.loads(path.read_bytes())['images']
        return [image for image in images if task in image.get('tasks', [task]) and image['width'] > 0]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []
