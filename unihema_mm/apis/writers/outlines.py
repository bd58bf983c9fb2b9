"""Outlines of masks that follow the edges of pixels, so that their area is the number of pixels."""

from collections import defaultdict
from itertools import pairwise

import cv2
import numpy as np

Ring = list[list[int]]
Polygon = list[Ring]


def trace_outlines(pixels: np.ndarray, x: int, y: int) -> list[Polygon]:
    """Trace the outlines of a mask.

    A pixel at column ``c`` and row ``r`` covers the square from ``(c, r)`` to ``(c + 1, r + 1)``. Pixels that
    only touch at a corner are apart.

    Args:
        pixels: Bool, (h, w).
        x: Left column of the mask in its image.
        y: Its top row.

    Returns:
        One polygon per connected part: its outer ring, clockwise on the screen, then those of its holes.
        Rings are lists of corners ``[x, y]`` of which the last repeats the first. As OGC's simple features
        want it, no ring meets itself. Empty for an empty mask.
    """
    count, parts, stats, _ = cv2.connectedComponentsWithStats(
        np.ascontiguousarray(pixels, np.uint8), connectivity=4
    )
    polygons = []
    for number in range(1, count):
        left, top, width, height = stats[number, :4].tolist()
        part = parts[top : top + height, left : left + width] == number
        rings = [_shifted(_corners(ring), x + left, y + top) for ring in _rings(part)]
        # A part that is connected by edges has one outer ring; those of holes run the other way round.
        polygons.append(sorted(rings, key=_doubled_area, reverse=True))
    return polygons


def _rings(part: np.ndarray) -> list[list[tuple[int, int]]]:
    """Closed walks along the edges of the pixels, the mask on the right; none visits a corner twice."""
    onward = _edges(part)
    rings = []
    while onward:
        walk: list[tuple[int, int]] = []
        places: dict[tuple[int, int], int] = {}
        corner = next(iter(onward))
        while True:
            if corner in places:  # a loop closes: cut it off and go on with what came before
                start = places[corner]
                rings.append(walk[start:])
                for passed in walk[start:]:
                    del places[passed]
                del walk[start:]
                if corner not in onward:
                    break
            places[corner] = len(walk)
            walk.append(corner)
            ends = onward[corner]
            following = ends.pop()
            if not ends:
                del onward[corner]
            corner = following
    return rings


def _edges(part: np.ndarray) -> dict[tuple[int, int], list[tuple[int, int]]]:
    """Corner -> ends of the edges that begin there."""
    inside = np.pad(part, 1)
    ends = defaultdict(list)
    for (down, right), (from_x, from_y), (to_x, to_y) in (
        ((-1, 0), (0, 0), (1, 0)),  # upper edge, to the right
        ((0, 1), (1, 0), (1, 1)),  # right edge, down
        ((1, 0), (1, 1), (0, 1)),  # lower edge, to the left
        ((0, -1), (0, 1), (0, 0)),  # left edge, up
    ):
        neighbour = np.roll(inside, (-down, -right), axis=(0, 1))
        rows, columns = np.nonzero((inside & ~neighbour)[1:-1, 1:-1])
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
            ends[column + from_x, row + from_y].append((column + to_x, row + to_y))
    return dict(ends)


def _corners(ring: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Drop the points between two edges of one direction."""
    return [
        here
        for before, here, after in zip([ring[-1], *ring[:-1]], ring, [*ring[1:], ring[0]], strict=True)
        if (before[0] == here[0]) != (here[0] == after[0])
    ]


def _shifted(ring: list[tuple[int, int]], x: int, y: int) -> Ring:
    return [[column + x, row + y] for column, row in [*ring, ring[0]]]


def _doubled_area(ring: Ring) -> int:
    return sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in pairwise(ring))
