"""Digits that are written: more would be noise, and make files larger and harder to read."""

PIXEL_DIGITS = 3
SCORE_DIGITS = 6


def pixels(value: float) -> float:
    """Round a coordinate or an area in pixels."""
    return round(float(value), PIXEL_DIGITS)


def confidence(value: float) -> float:
    """Round a score between 0 and 1."""
    return round(float(value), SCORE_DIGITS)


def corner_box(bbox: tuple[float, float, float, float]) -> list[float]:
    """x1, y1, x2, y2, rounded."""
    return [pixels(value) for value in bbox]


def sized_box(bbox: tuple[float, float, float, float]) -> list[float]:
    """x1, y1, width, height of the rounded corners."""
    x1, y1, x2, y2 = corner_box(bbox)
    return [x1, y1, pixels(x2 - x1), pixels(y2 - y1)]
