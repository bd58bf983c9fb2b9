"""Which images are predicted by tiles, and of what size."""

import os
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from mmengine.config import Config

from unihema_mm.engine.field_size import field_size
from unihema_mm.utils.errors import InputError

from .header import file_size
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
        if self.tile != 'auto':
            return self.tile
        size = field_size(self.cfg, self.task)
        if size is None:
            raise InputError(
                f'tile: nothing tells the size of the fields that the model was trained with for {self.task};'
                ' give tile=(width, height) in pixels (--tile WxH), in which cells are as large as there; '
                'from Python, tile=None shrinks the whole image as a single field'
            )
        return size

    def takes_file(self, path: str | os.PathLike | None) -> bool:
        """Whether a file is predicted by tiles; its header is read for 'auto' alone."""
        if self.tile != 'auto':
            return True
        size = file_size(path) if path is not None else None
        return size is not None and self.takes(*size)

    def takes(self, width: int, height: int) -> bool:
        """Whether an image of this size is predicted by tiles."""
        return self.tile != 'auto' or width * height > AUTO_PIXELS
