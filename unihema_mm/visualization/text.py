"""Text on pictures, with a font that comes with matplotlib: Latin, Greek, Cyrillic, Arabic, signs.

Characters that the font lacks stand as boxes; the text of a file that is written keeps them.
"""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import matplotlib
from PIL import ImageFont

_FONTS = {False: 'DejaVuSans.ttf', True: 'DejaVuSans-Bold.ttf'}


@lru_cache(maxsize=64)
def load_font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    """Load the font.

    Args:
        size: Height of a line in pixels, about.
        bold: Whether in bold.

    Returns:
        The font.
    """
    path = Path(matplotlib.get_data_path()) / 'fonts/ttf' / _FONTS[bold]
    return ImageFont.truetype(str(path), max(4, size), layout_engine=ImageFont.Layout.BASIC)


def printable(text: str) -> str:
    """One line of the text, without control characters and lone surrogates."""
    words = ' '.join(str(text).split())
    return ''.join(char if char.isprintable() else '\N{REPLACEMENT CHARACTER}' for char in words)


def wrap(text: str, font: ImageFont.FreeTypeFont, width: float) -> list[str]:
    """Break a text into lines.

    Args:
        text: The text; its own line breaks count as blanks.
        font: Font of the text.
        width: Width of a line in pixels. A word that is wider is broken.

    Returns:
        The lines, at least one.
    """
    lines, line = [], ''
    for word in printable(text).split(' '):
        longer = f'{line} {word}' if line else word
        if font.getlength(longer) <= width:
            line = longer
            continue
        if line:
            lines.append(line)
        *full, line = _pieces(word, font, width)
        lines.extend(full)
    return [*lines, line]


def _pieces(word: str, font: ImageFont.FreeTypeFont, width: float) -> Sequence[str]:
    pieces, piece = [], ''
    for char in word:
        if piece and font.getlength(piece + char) > width:
            pieces.append(piece)
            piece = ''
        piece += char
    return [*pieces, piece]
