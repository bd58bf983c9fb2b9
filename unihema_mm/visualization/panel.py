"""Text beside and under a picture: blocks of lines that flow into columns."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from .class_colours import Colour
from .text import load_font, wrap

BLACK = (20, 20, 20)
WHITE = (255, 255, 255)


@dataclass(frozen=True)
class Line:
    """One line of a block; it is broken where it is too long.

    Attributes:
        text: The text.
        bold: Whether in bold.
        scale: Size, as a share of the normal one.
        swatch: Colour of a square before it.
        bar: Length of a bar under the text, as a share of the width; None for no bar.
    """

    text: str
    bold: bool = False
    scale: float = 1.0
    swatch: Colour | None = None
    bar: float | None = None


Block = tuple[Line, ...]


@dataclass(frozen=True)
class _Mark:
    x: float
    y: float
    line: Line
    text: str
    size: int
    is_first: bool


def draw_panel(blocks: Sequence[Block], width: int, height: int | None, size: int) -> np.ndarray:
    """Draw blocks of text below one another, in as many columns as they need.

    Args:
        blocks: What to draw; no block is broken.
        width: Width of a column in pixels.
        height: Height at which a new column begins; one block alone may be higher. None for one column.
        size: Size of the font in pixels.

    Returns:
        RGB picture, uint8, at least ``height`` high; 0 wide without blocks.
    """
    margin = size // 2 + 1
    marks: list[_Mark] = []
    x, y, bottom = 0, margin, 0
    for block in blocks:
        laid, end = _lay_out(block, x + margin, y, width - 2 * margin, size)
        if height is not None and end > height and y > margin:
            x, y = x + width, margin
            laid, end = _lay_out(block, x + margin, y, width - 2 * margin, size)
        marks.extend(laid)
        bottom, y = max(bottom, end), end + size * 0.4
    columns = x + width if blocks else 0
    return _paint(marks, columns, max(height or 0, round(bottom + margin)), width - 2 * margin)


def _lay_out(block: Block, x: float, y: float, width: float, size: int) -> tuple[list[_Mark], float]:
    marks = []
    for line in block:
        pixels = max(4, round(size * line.scale))
        indent = pixels * 1.3 if line.swatch else 0
        for number, text in enumerate(wrap(line.text, load_font(pixels, line.bold), width - indent)):
            marks.append(_Mark(x + indent, y, line, text, pixels, number == 0))
            y += pixels * 1.25
        if line.bar is not None:
            y += pixels * 0.45
    return marks, y


def _paint(marks: Sequence[_Mark], width: int, height: int, column: float) -> np.ndarray:
    if not width:
        return np.full((height, 0, 3), WHITE, np.uint8)
    picture = Image.new('RGB', (width, height), WHITE)
    pen = ImageDraw.Draw(picture)
    for mark in marks:
        line, size = mark.line, mark.size
        pen.text((mark.x, mark.y), mark.text, fill=BLACK, font=load_font(size, line.bold))
        if line.swatch and mark.is_first:
            left, top = mark.x - size * 1.3, mark.y + size * 0.15
            pen.rectangle((left, top, left + size * 0.85, top + size * 0.85), fill=line.swatch, outline=BLACK)
        if line.bar is not None and mark.is_first:
            top = mark.y + size * 1.3
            pen.rectangle((mark.x, top, mark.x + column, top + size * 0.25), fill=(225, 225, 225))
            if line.bar > 0:
                end = mark.x + column * min(line.bar, 1)
                pen.rectangle((mark.x, top, end, top + size * 0.25), fill=(0, 114, 178))
    return np.asarray(picture)
