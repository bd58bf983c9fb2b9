"""Label images for ImageJ, napari and cellpose."""

import io

import numpy as np
import tifffile
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from unihema_mm.structures.results import RESEARCH_USE, ImageResult
from unihema_mm.utils.atomic import whole_file, write_bytes
from unihema_mm.utils.errors import InputError

from .base import Writer
from .file_names import relative_path

_MAX_16_BITS = 65535


class LabelWriter(Writer):
    """Writes ``labels/cells/<name>.tif`` and ``.png``, and ``labels/foreground/<name>.png``.

    A pixel of a cell holds the number of the cell, counted from 1 in the order of the result, and 0 where
    there is none. Where masks overlap, the cell with the higher score has the pixel, of equal ones the first.
    16 bits; with more than 65,535 cells the TIFF has 32 bits, and there is no PNG. The foreground is that
    of the prompt, 8 bits, 0 or 255. Boxes are never filled: without masks there is nothing to write.
    """

    format = 'labels'

    def check(self, result: ImageResult) -> None:
        """See :class:`Writer`.

        Raises:
            InputError: Neither instance masks nor a foreground was asked for.
        """
        if not _has_masks(result) and result.mask is None:
            raise InputError(
                f'labels: {result.name}: tasks: {", ".join(result.tasks)} give no masks; ask for inst or seg '
                'as well, or drop the format labels'
            )

    def write(self, result: ImageResult) -> None:
        """Write the files of an image.

        Raises:
            InputError: See :meth:`check`.
        """
        self.check(result)
        if _has_masks(result) and result.cells is not None:
            self._write_cells(result.name, draw_labels(result))
        if result.mask is not None:
            foreground = (result.mask > 0).astype(np.uint8) * np.uint8(255)
            self._write_png('foreground', result.name, foreground)

    def _write_cells(self, name: str, labels: np.ndarray) -> None:
        content = io.BytesIO()  # tifffile asks a file for its name, which a temporary one has not
        tifffile.imwrite(
            content,
            labels,
            description=RESEARCH_USE,
            metadata=None,
            compression='zlib',
            photometric='minisblack',
        )
        write_bytes(self.folder / 'cells' / relative_path(name, '.tif'), content.getbuffer())
        if labels.dtype == np.uint16:
            self._write_png('cells', name, labels)

    def _write_png(self, kind: str, name: str, pixels: np.ndarray) -> None:
        info = PngInfo()
        info.add_text('Description', RESEARCH_USE)
        with whole_file(self.folder / kind / relative_path(name, '.png')) as file:
            Image.fromarray(pixels).save(file, format='PNG', pnginfo=info)


def _has_masks(result: ImageResult) -> bool:
    return 'inst' in result.tasks or any(cell.mask is not None for cell in result.cells or ())


def draw_labels(result: ImageResult) -> np.ndarray:
    """Draw the masks of the cells with their numbers.

    Args:
        result: The result; cells without mask are left out.

    Returns:
        (height, width), uint16, or uint32 where there are more than 65,535 cells.
    """
    cells = result.cells or ()
    labels = np.zeros((result.height, result.width), np.uint16 if len(cells) <= _MAX_16_BITS else np.uint32)
    for place in sorted(range(len(cells)), key=lambda place: (cells[place].score, -place)):
        mask = cells[place].mask
        if mask is not None:
            height, width = mask.pixels.shape
            labels[mask.y : mask.y + height, mask.x : mask.x + width][mask.pixels.astype(bool)] = place + 1
    return labels
