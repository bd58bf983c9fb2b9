"""Pictures of the predictions."""

import os
from collections.abc import Callable

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from unihema_mm.apis.image_regions import open_regions
from unihema_mm.structures.results import RESEARCH_USE, ImageResult
from unihema_mm.utils.atomic import whole_file
from unihema_mm.utils.errors import InputError
from unihema_mm.visualization import draw_result

from .base import Writer
from .file_names import relative_path

Draw = Callable[[np.ndarray, ImageResult], np.ndarray]


def read_rgb(result: ImageResult) -> np.ndarray:
    """Read the image of a result again.

    Args:
        result: A result with a path.

    Returns:
        RGB, uint8, (height, width, 3).

    Raises:
        InputError: It has no path, or the file is gone or broken.
    """
    if result.path is None:
        raise InputError(
            f'overlay: {result.name}: path: is not known, the image was given as bytes or array; save it to '
            'a file first, or drop the format overlay'
        )
    # As the prediction reads mosaics: Pillow alone refuses what is above 179 megapixels.
    with open_regions(result.path) as regions:
        return regions.read(0, 0, regions.width, regions.height)


class OverlayWriter(Writer):
    """Writes ``overlay/<name>.png``, the image with what was predicted on it.

    Args:
        out_folder: As of :class:`Writer`.
        draw: Draws a result: image (RGB, uint8), result -> RGB, uint8.
        read: Reads the image of a result, RGB, uint8.
    """

    format = 'overlay'
    rereads_image = True

    def __init__(
        self,
        out_folder: str | os.PathLike,
        draw: Draw = draw_result,
        read: Callable[[ImageResult], np.ndarray] = read_rgb,
    ) -> None:
        super().__init__(out_folder)
        self._draw = draw
        self._read = read

    def write(self, result: ImageResult) -> None:
        """Draw an image.

        Raises:
            InputError: The image cannot be read again.
        """
        picture = self._draw(self._read(result), result)
        info = PngInfo()
        info.add_text('Description', RESEARCH_USE)
        with whole_file(self.folder / relative_path(result.name, '.png')) as file:
            Image.fromarray(np.ascontiguousarray(picture)).save(file, format='PNG', pnginfo=info)
