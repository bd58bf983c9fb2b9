"""What of a result is shown: cells above the threshold, layers, the cell under the pointer."""

from collections.abc import Collection, Sequence
from dataclasses import replace

import cv2
import numpy as np

from unihema_mm.apis.collect import LIMIT_REACHED
from unihema_mm.structures.results import Cell, ImageResult
from unihema_mm.visualization import class_colours, draw_overlay

BOXES, OUTLINES, FOREGROUND, NAMES, ATTRIBUTES = LAYERS = (
    'Boxes',
    'Outlines',
    'Foreground',
    'Names',
    'Attributes',
)
SHOWN_SIDE = (640, 1600)  # pixels of the longest side on the page: least, most
NUMBERED_CELLS = 20
CROP_SIDE = 320
_CROP_MARGIN = 0.25


def above(result: ImageResult, score: float) -> ImageResult:
    """The result with the cells of at least this score."""
    if result.cells is None:
        return result
    cells = tuple(cell for cell in result.cells if cell.score >= score)
    changes = {'cells': cells, 'thresholds': {**result.thresholds, 'score': score}}
    if len(cells) < len(result.cells):  # the limit cut only cells of even lower scores
        changes['warnings'] = tuple(line for line in result.warnings if LIMIT_REACHED not in line)
    return replace(result, **changes)


def shown_factor(result: ImageResult) -> float:
    """Size of the picture on the page over that of the original."""
    longest = max(result.width, result.height)
    least, most = SHOWN_SIDE
    return most / longest if longest > most else float(max(1, least // longest))


def numbered_cells(result: ImageResult, layers: Collection[str]) -> list[Cell]:
    """Cells whose attributes are listed under the picture, the most confident first."""
    if ATTRIBUTES not in layers:
        return []
    return [cell for cell in result.cells or () if cell.attributes][:NUMBERED_CELLS]


def draw_view(
    pixels: np.ndarray, result: ImageResult, layers: Collection[str], selected: Cell | None = None
) -> np.ndarray:
    """Draw the picture of the page.

    Args:
        pixels: The image, RGB, uint8.
        result: What to draw on it.
        layers: Those of :data:`LAYERS` that are on.
        selected: Cell to stress.

    Returns:
        RGB, uint8; the image enlarged or shrunk by :func:`shown_factor`.
    """
    factor = shown_factor(result)
    if factor != 1:
        size = tuple(max(1, round(side * factor)) for side in pixels.shape[1::-1])
        method = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
        pixels = cv2.resize(pixels, size, interpolation=method)
    cells = result.cells or ()
    picture = draw_overlay(
        pixels,
        cells,
        result.mask if FOREGROUND in layers else None,
        boxes=BOXES in layers,
        masks=OUTLINES in layers,
        names=NAMES in layers,
        numbered=numbered_cells(result, layers),
        colours=colours_of(result),
        factor=factor,
    )
    if selected is not None:
        x1, y1, x2, y2 = (round(value * factor) for value in selected.bbox)
        for colour, width in (((255, 255, 255), 5), ((0, 0, 0), 2)):
            cv2.rectangle(picture, (x1 - 3, y1 - 3), (x2 + 3, y2 + 3), colour, width)
    return picture


def colours_of(result: ImageResult) -> dict[str, tuple[int, int, int]]:
    """Class -> RGB of all classes that a picture may show."""
    return class_colours([*result.classes, *(cell.label for cell in result.cells or ())])


def cell_at(cells: Sequence[Cell], x: float, y: float) -> Cell | None:
    """The smallest cell at a point of the original image; one whose mask covers it goes first."""
    hits = [cell for cell in cells if cell.bbox[0] <= x <= cell.bbox[2] and cell.bbox[1] <= y <= cell.bbox[3]]
    return min(hits, key=lambda cell: (not _covers(cell, x, y), _area(cell)), default=None)


def crop_cell(pixels: np.ndarray, cell: Cell) -> np.ndarray:
    """Cut a cell out of the image with some surroundings, enlarged to be seen well."""
    x1, y1, x2, y2 = cell.bbox
    margin = _CROP_MARGIN * max(x2 - x1, y2 - y1)
    height, width = pixels.shape[:2]
    left, top = max(0, int(x1 - margin)), max(0, int(y1 - margin))
    right, bottom = min(width, int(x2 + margin) + 1), min(height, int(y2 + margin) + 1)
    part = pixels[top : max(bottom, top + 1), left : max(right, left + 1)]
    factor = CROP_SIDE / max(part.shape[:2])
    size = tuple(max(1, round(side * factor)) for side in part.shape[1::-1])
    return cv2.resize(part, size, interpolation=cv2.INTER_CUBIC if factor > 1 else cv2.INTER_AREA)


def _covers(cell: Cell, x: float, y: float) -> bool:
    if cell.mask is None:
        return False
    row, column = int(y) - cell.mask.y, int(x) - cell.mask.x
    height, width = cell.mask.pixels.shape
    return 0 <= row < height and 0 <= column < width and bool(cell.mask.pixels[row, column])


def _area(cell: Cell) -> float:
    x1, y1, x2, y2 = cell.bbox
    return (x2 - x1) * (y2 - y1)
