"""Cells and masks drawn on an image."""

from collections import Counter
from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from PIL import Image, ImageDraw

from unihema_mm.structures.results import Cell

from .class_colours import Colour, class_colours
from .panel import BLACK, WHITE
from .text import load_font, printable

RARE = 3  # cells of a class whose names are worth to hide a part of a box
LABELLED_CELLS = 60  # with more cells, names would hide the picture; the legend tells them
FOREGROUND = (0, 0, 0)
FILL = 0.22  # opacity of the inside of a mask
_LINES_PER_SIDE = 900  # an image is at least so many lines wide
_LINES_PER_CELL = 25  # and so is a cell of middling size


class Overlay:
    """An image with what was found on it.

    Args:
        image: RGB, uint8, (H, W, 3); it is not changed.
        factor: Size of the picture over that of the original image; boxes and masks are in pixels of the
            original.
        cell_side: Usual side of a cell in pixels of the original; lines are thin beside it. None: not known.

    Attributes:
        picture: What was drawn so far, RGB, uint8.
        line: Width of lines in pixels.
    """

    def __init__(self, image: np.ndarray, factor: float = 1.0, cell_side: float | None = None) -> None:
        self.picture = np.ascontiguousarray(image).copy()
        self.factor = factor
        width = max(self.picture.shape[:2]) / _LINES_PER_SIDE
        if cell_side is not None:
            width = min(width, cell_side * factor / _LINES_PER_CELL)
        self.line = max(1, round(width))
        self._taken = np.zeros((0, 4))

    def draw_foreground(self, mask: np.ndarray) -> None:
        """Draw the outline of a semantic mask, uint8 (height, width) of the original image."""
        height, width = self.picture.shape[:2]
        shape = cv2.resize(mask.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
        for colour, thickness in ((WHITE, self.line + 2), (FOREGROUND, self.line)):
            cv2.drawContours(self.picture, _contours(shape), -1, colour, thickness)

    def draw_masks(self, cells: Sequence[Cell], colours: Mapping[str, Colour]) -> None:
        """Draw the masks of cells: faint inside, with an outline."""
        for cell in cells:
            if cell.mask is None or not cell.mask.pixels.any():
                continue
            height, width = cell.mask.pixels.shape
            left, top = (round(value * self.factor) for value in (cell.mask.x, cell.mask.y))
            right = max(left + 1, round((cell.mask.x + width) * self.factor))
            bottom = max(top + 1, round((cell.mask.y + height) * self.factor))
            pixels = cell.mask.pixels.astype(np.uint8)
            shape = cv2.resize(pixels, (right - left, bottom - top), interpolation=cv2.INTER_NEAREST)
            part = self.picture[top:bottom, left:right]
            shape = shape[: part.shape[0], : part.shape[1]]
            if not part.size:
                continue
            inside = shape.astype(bool)
            part[inside] = part[inside] * (1 - FILL) + np.array(colours[cell.label]) * FILL
            cv2.drawContours(part, _contours(shape), -1, colours[cell.label], self.line)

    def draw_boxes(self, cells: Sequence[Cell], colours: Mapping[str, Colour]) -> None:
        """Draw the boxes of cells."""
        for cell in cells:
            start, end = self._corners(cell)
            cv2.rectangle(self.picture, start, end, colours[cell.label], self.line)

    def draw_names(self, cells: Sequence[Cell], colours: Mapping[str, Colour], size: int) -> None:
        """Write class and score at cells, rare classes first, where that hides no box and no text.

        A name that only one to three of many cells have may hide a part of a box.
        """
        counts = Counter(cell.label for cell in cells)
        for cell in rare_first(cells):
            self._write(
                f'{cell.label} {cell.score:.0%}',
                cell,
                cells,
                colours,
                size,
                is_rare=counts[cell.label] <= RARE < len(cells),
            )

    def draw_numbers(
        self, numbered: Sequence[Cell], cells: Sequence[Cell], colours: Mapping[str, Colour], size: int
    ) -> None:
        """Write 1, 2, ... at the cells ``numbered``, beside all boxes of ``cells`` where there is room."""
        for number, cell in enumerate(numbered, start=1):
            self._write(str(number), cell, cells, colours, size, is_rare=True, is_needed=True)

    def _corners(self, cell: Cell) -> tuple[tuple[int, int], tuple[int, int]]:
        height, width = self.picture.shape[:2]
        x1, y1, x2, y2 = (round(value * self.factor) for value in cell.bbox)
        return (x1, y1), (max(x1, min(x2, width) - 1), max(y1, min(y2, height) - 1))

    def _write(
        self,
        text: str,
        cell: Cell,
        cells: Sequence[Cell],
        colours: Mapping[str, Colour],
        size: int,
        is_rare: bool,
        is_needed: bool = False,
    ) -> None:
        font = load_font(size, bold=True)
        text = printable(text)
        left, top, right, bottom = font.getbbox(text)
        pad = max(1, size // 6)
        width, height = int(right - left) + 2 * pad, int(bottom - top) + 2 * pad
        (x1, y1), (x2, y2) = self._corners(cell)
        spots = [(x1, y1 - height), (x1, y2 + 1), (x2 + 1 - width, y1 - height), (x2 + 1, y1)]
        if width <= x2 - x1 and 3 * height <= y2 - y1:  # room within the box
            inner = (
                (x1 + self.line, x2 + 1 - self.line - width),
                (y1 + self.line, y2 + 1 - self.line - height),
            )
            spots += [(x, y) for y in inner[1] for x in inner[0]]
        others = np.array([other.bbox for other in cells if other is not cell]).reshape(-1, 4) * self.factor
        hidden = [others, others[:0]] if is_rare else [others]
        free = (spot for boxes in hidden for spot in spots if self._is_free(spot, width, height, boxes))
        spot = next(free, (x1, y1) if is_needed else None)
        if spot is None:
            return
        x, y = spot
        self._taken = np.concatenate([self._taken, [[x, y, x + width, y + height]]])
        _paste(
            self.picture,
            _label(text, size, (width, height), (pad - left, pad - top), colours[cell.label]),
            x,
            y,
        )

    def _is_free(self, spot: tuple[int, int], width: int, height: int, boxes: np.ndarray) -> bool:
        x, y = spot
        if x < 0 or y < 0 or x + width > self.picture.shape[1] or y + height > self.picture.shape[0]:
            return False
        filled = np.concatenate([self._taken, boxes])
        meets = (
            (filled[:, 0] < x + width) & (filled[:, 2] > x) & (filled[:, 1] < y + height) & (filled[:, 3] > y)
        )
        return not meets.any()


def draw_overlay(
    image_rgb: np.ndarray,
    cells: Sequence[Cell] = (),
    mask: np.ndarray | None = None,
    *,
    boxes: bool = True,
    masks: bool = True,
    names: bool = False,
    numbered: Sequence[Cell] = (),
    colours: Mapping[str, Colour] | None = None,
    factor: float = 1.0,
    size: int | None = None,
) -> np.ndarray:
    """Draw cells and masks on an image, without anything beside it.

    Args:
        image_rgb: RGB, uint8, (H, W, 3).
        cells: Cells to draw.
        mask: Foreground of the prompt, uint8 (height, width) of the original image.
        boxes: Whether to draw boxes.
        masks: Whether to draw the masks of cells.
        names: Whether to write class and score next to cells, where there is room.
        numbered: Cells with a number, instead of a name.
        colours: Class -> RGB; by default those of :func:`class_colours`.
        factor: Size of ``image_rgb`` over that of the original image.
        size: Size of the text in pixels, by default according to the image.

    Returns:
        RGB, uint8, (H, W, 3).
    """
    overlay = Overlay(
        image_rgb, factor, float(np.median([_area(cell) ** 0.5 for cell in cells])) if cells else None
    )
    colours = class_colours(cell.label for cell in cells) if colours is None else colours
    size = size or text_size(*image_rgb.shape[:2])
    if mask is not None:
        overlay.draw_foreground(mask)
    largest_first = sorted(cells, key=_area, reverse=True)
    if masks:
        overlay.draw_masks(largest_first, colours)
    if boxes:
        overlay.draw_boxes(largest_first, colours)
    if numbered:
        overlay.draw_numbers(numbered, cells, colours, size)
    elif names and len(cells) <= LABELLED_CELLS:
        overlay.draw_names(cells, colours, size)
    return overlay.picture


def rare_first(cells: Sequence[Cell]) -> list[Cell]:
    """Sort cells: those of rare classes first, and within a class the most confident."""
    counts = Counter(cell.label for cell in cells)
    return sorted(cells, key=lambda cell: (counts[cell.label], cell.label, -cell.score))


def text_size(height: int, width: int) -> int:
    """Size of text on a picture, in pixels, that is readable where the whole picture is seen."""
    return max(11, round(max(height, width) / 60))


def _area(cell: Cell) -> float:
    x1, y1, x2, y2 = cell.bbox
    return (x2 - x1) * (y2 - y1)


def _contours(shape: np.ndarray) -> Sequence[np.ndarray]:
    return cv2.findContours(shape, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)[0]


def _label(
    text: str, size: int, shape: tuple[int, int], place: tuple[float, float], colour: Colour
) -> np.ndarray:
    picture = Image.new('RGB', shape, colour)
    luminance = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]
    ink = BLACK if luminance > 140 else WHITE
    ImageDraw.Draw(picture).text(place, text, fill=ink, font=load_font(size, bold=True))
    return np.asarray(picture)


def _paste(picture: np.ndarray, part: np.ndarray, x: int, y: int) -> None:
    height, width = picture.shape[:2]
    x, y = max(0, min(x, width - part.shape[1])), max(0, min(y, height - part.shape[0]))
    target = picture[y : y + part.shape[0], x : x + part.shape[1]]
    target[:] = part[: target.shape[0], : target.shape[1]]
