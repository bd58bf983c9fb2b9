"""Fitting of boxes to their image: one rule for converters, validator and datasets."""

from collections.abc import Sequence
from enum import Enum
from math import isfinite, nan
from sys import float_info

# Sources that store 6 decimals of a normalised coordinate miss the border by less than this.
TOLERANCE = 0.01


class BoxState(Enum):
    """What :func:`fit_box` found."""

    INSIDE = 'inside'
    CLIPPED = 'clipped'
    OUTSIDE = 'outside'
    EMPTY = 'empty'


def fit_box(box: Sequence[float], width: float, height: float) -> tuple[list[float], BoxState]:
    """Clip a box to its image.

    Args:
        box: ``x1, y1, x2, y2`` in pixels, finite.
        width: Width of the image in pixels.
        height: Height of the image in pixels.

    Returns:
        The box within the image, and what was done: ``INSIDE`` (at most ``TOLERANCE`` pixels were
        cut off), ``CLIPPED``, ``OUTSIDE`` (no part lies in the image; the returned box has no area) or
        ``EMPTY`` (the box itself has no area).
    """
    x1, y1, x2, y2 = box
    if x2 <= x1 or y2 <= y1:
        return list(box), BoxState.EMPTY
    if x1 >= 0 and y1 >= 0 and x2 <= width and y2 <= height:
        return list(box), BoxState.INSIDE
    fitted = [max(x1, 0), max(y1, 0), min(x2, width), min(y2, height)]
    if fitted[2] <= fitted[0] or fitted[3] <= fitted[1]:
        return fitted, BoxState.OUTSIDE
    cut = max(abs(a - b) for a, b in zip(box, fitted, strict=True))
    return fitted, BoxState.CLIPPED if cut > TOLERANCE else BoxState.INSIDE


def is_number(value: object) -> bool:
    """Whether a JSON value is a finite number (booleans, NaN and what exceeds a float are not)."""
    return type(value) in (int, float) and -float_info.max <= value <= float_info.max


def parse_number(text: str | None) -> float:
    """Read a finite number as data files write it; ``float`` also takes ``nan``, ``1_0`` and other digits.

    Args:
        text: The number, blanks around it allowed.

    Raises:
        ValueError: It is not one.
    """
    value = float(text) if text and text.isascii() and '_' not in text else nan
    if not isfinite(value):
        raise ValueError(f'{text!r} is not a finite number')
    return value


def is_box(value: object) -> bool:
    """Whether a JSON value is a list of four finite numbers."""
    return isinstance(value, list | tuple) and len(value) == 4 and all(map(is_number, value))
