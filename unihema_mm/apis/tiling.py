"""Geometry of large images: overlapping tiles, and one cell where several tiles saw it."""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from unihema_mm.utils.errors import InputError

# Default overlap by the shorter side of a tile: the largest of 25,000 cells of the synthetic corpus measures
# 0.28 of the shorter side of its field.
OVERLAP_SHARE = 0.3
# IoU within the window that two tiles share, from which two boxes are the same cell.
MIN_AGREEMENT = 0.5
# How far from its tile's core the centre of a whole box may lie, by the overlap. Two tiles never see a cell
# at exactly the same place: without slack each could leave it to the other.
SLACK_SHARE = 1 / 8
# A box that ends within this many pixels of its tile's border counts as cut there.
BORDER = 2.0


class Tiles(NamedTuple):
    """Windows on an image and the part of it that each answers for.

    Attributes:
        windows: x1, y1, x2, y2 of each tile, int64 (n, 4), by rows.
        cores: x1, y1, x2, y2 of each tile's core, float64 (n, 4). The cores partition the image.
        slack: Pixels around a core in which the centre of a whole box is accepted.
    """

    windows: np.ndarray
    cores: np.ndarray
    slack: float

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the image."""
        return int(self.windows[:, 3].max()), int(self.windows[:, 2].max())


def default_overlap(size: int | tuple[int, int]) -> int:
    """Overlap of neighbouring tiles where none is given, pixels: see :data:`OVERLAP_SHARE`."""
    return round(OVERLAP_SHARE * min(_pair(size)))


def tiles(width: int, height: int, size: int | tuple[int, int], overlap: int | None = None) -> Tiles:
    """Cover an image with tiles of one size, at least ``overlap`` pixels of which neighbours share.

    No tile leaves the image: what the last of a row would stick out is shared evenly by all overlaps. An
    image that fits has one tile, which is the image. The core of a tile ends in the middle of what it shares
    with its neighbour, so a tile shows in full every cell of at most ``overlap`` pixels whose centre is in
    its core.

    Args:
        width: Pixels of the image.
        height: Pixels of the image.
        size: Side of a tile, or its width and height.
        overlap: Pixels, at least the size of the largest cell expected; larger ones are put together from
            pieces. Default: :func:`default_overlap`.

    Raises:
        InputError: The overlap is negative or above half of the tile, or a size is below 1.
    """
    if min(width, height) < 1:
        raise InputError(f'image of {width} x {height} pixels: has none')
    across, down = _pair(size)
    overlap = default_overlap(size) if overlap is None else overlap
    if min(across, down) < 1 or not 0 <= overlap <= min(across, down) // 2:
        raise InputError(
            f'tiles of {across} x {down} pixels with overlap {overlap}: give a positive size, and an overlap '
            f'between 0 and half of the shorter side'
        )
    xs, x_edges = _axis(width, across, overlap)
    ys, y_edges = _axis(height, down, overlap)
    windows = [(x1, y1, x2, y2) for y1, y2 in ys for x1, x2 in xs]
    cores = [(x1, y1, x2, y2) for y1, y2 in y_edges for x1, x2 in x_edges]
    return Tiles(np.array(windows, np.int64), np.array(cores, float), max(1.0, SLACK_SHARE * overlap))


def _pair(size: int | tuple[int, int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else tuple(size)


def _axis(length: int, size: int, overlap: int) -> tuple[list, list]:
    if length <= size:
        return [(0, length)], [(0.0, float(length))]
    count = -((size - length) // (size - overlap)) + 1
    starts = np.linspace(0, length - size, count).round().astype(int)
    edges = np.concatenate([[0.0], (starts[1:] + starts[:-1] + size) / 2, [float(length)]])
    return [(int(x), int(x) + size) for x in starts], list(pairwise(edges.tolist()))


class SeenBoxes(NamedTuple):
    """Boxes of all tiles, in pixels of the whole image.

    Attributes:
        boxes: x1, y1, x2, y2, float64 (n, 4).
        tile: Index of the tile that each was seen in, int64 (n,).
        label: Class, int64 (n,).
        score: Confidence, float64 (n,).
    """

    boxes: np.ndarray
    tile: np.ndarray
    label: np.ndarray
    score: np.ndarray


def cut_boxes(grid: Tiles, boxes: np.ndarray, tile: np.ndarray) -> np.ndarray:
    """Which boxes (n, 4) end at a border of their ``tile`` (n,) that is not one of the image: bool (n,)."""
    height, width = grid.shape
    window = grid.windows[tile]
    inner = window > 0
    inner[:, 2:] = window[:, 2:] < (width, height)
    return (inner & (np.abs(boxes - window) <= BORDER)).any(1)


def own_boxes(grid: Tiles, boxes: np.ndarray, tile: np.ndarray) -> np.ndarray:
    """Which boxes (n, 4) their ``tile`` (n,) answers for: bool (n,).

    The centre of a cut box must lie in the core; so a piece is left out wherever another tile shows the cell
    in full. That of a whole one may lie :attr:`Tiles.slack` beside it.
    """
    slack = np.where(cut_boxes(grid, boxes, tile), 0.0, grid.slack)[:, None]
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    # The cores are half-open; a centre on the last edge of the image belongs to the last core.
    centre = np.minimum(centre, np.nextafter(grid.shape[::-1], 0))
    core = grid.cores[tile]
    return ((centre >= core[:, :2] - slack) & (centre < core[:, 2:] + slack)).all(1)


def same_cells(grid: Tiles, seen: SeenBoxes) -> np.ndarray:
    """Number the cells: boxes of different tiles that show one cell get one number.

    Two boxes agree by their IoU within the window that both tiles see; so a piece agrees with the whole.
    Those that agree best come first, those of one class before those of two, and a cell has at most one box
    of each tile: two cells that one tile tells apart stay two.

    Args:
        grid: The tiles.
        seen: All boxes, those that their tile does not answer for too: they take their own partners.

    Returns:
        int64 (n,), the least index of a box of the same cell.
    """
    first, second, agreement = _pairs(grid, seen)
    other = seen.label[first] != seen.label[second]
    order = np.lexsort((-agreement, other))
    cell = list(range(len(seen.boxes)))
    tile = seen.tile.tolist()
    members: dict[int, list[int]] = {}
    for a, b in zip(first[order].tolist(), second[order].tolist(), strict=True):
        low, high = sorted((cell[a], cell[b]))
        ours, theirs = members.get(low, [low]), members.get(high, [high])
        if low == high or {tile[i] for i in ours} & {tile[i] for i in theirs}:
            continue
        for i in members.pop(high, theirs):
            cell[i] = low
        members[low] = ours + theirs
    return np.array(cell, np.int64)


def _pairs(grid: Tiles, seen: SeenBoxes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Boxes of different tiles that agree: two index arrays and their agreement."""
    order = np.argsort(seen.tile, kind='stable')
    bounds = np.searchsorted(seen.tile[order], np.arange(len(grid.windows) + 1))
    found = [(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))]
    for one, two in _neighbours(grid.windows):
        shared = _intersection(grid.windows[one : one + 1], grid.windows[two])[0].astype(float)
        a, a_boxes = _within(shared, order[bounds[one] : bounds[one + 1]], seen.boxes)
        b, b_boxes = _within(shared, order[bounds[two] : bounds[two + 1]], seen.boxes)
        overlap = box_iou(a_boxes, b_boxes)
        rows, columns = np.nonzero(overlap >= MIN_AGREEMENT)
        found.append((a[rows], b[columns], overlap[rows, columns]))
    return tuple(np.concatenate(part) for part in zip(*found, strict=True))


def _neighbours(windows: np.ndarray) -> Iterator[tuple[int, int]]:
    # Windows come by rows, so those that reach into a window's rows are few and follow it.
    last = np.searchsorted(windows[:, 1], windows[:, 3])
    for one, window in enumerate(windows):
        after = windows[one + 1 : last[one]]
        meets = (after[:, 0] < window[2]) & (after[:, 2] > window[0])
        yield from ((one, int(two)) for two in np.flatnonzero(meets) + one + 1)


def _intersection(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    return np.concatenate([np.maximum(one[:, :2], two[:2]), np.minimum(one[:, 2:], two[2:])], 1)


def _within(window: np.ndarray, index: np.ndarray, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    clipped = _intersection(boxes[index], window)
    there = (clipped[:, 0] < clipped[:, 2]) & (clipped[:, 1] < clipped[:, 3])
    return index[there], clipped[there]


def box_iou(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    """IoU of boxes (n, 4) and (m, 4) of positive area: (n, m)."""
    # Side by side rather than in one array: numpy is slow where the last axis is as short as two.
    (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = one.T[..., None], two.T
    width = (np.minimum(ax2, bx2) - np.maximum(ax1, bx1)).clip(0)
    height = (np.minimum(ay2, by2) - np.maximum(ay1, by1)).clip(0)
    inter = width * height
    return inter / ((ax2 - ax1) * (ay2 - ay1) + (bx2 - bx1) * (by2 - by1) - inter)


class MergedCell(NamedTuple):
    """One cell of the whole image.

    Attributes:
        best: Index of the box that stands for it.
        pieces: All its pieces where no tile shows it in full, ``best`` among them; else empty.
        box: x1, y1, x2, y2; the hull of its pieces where there are any.
    """

    best: int
    pieces: tuple[int, ...]
    box: tuple[float, float, float, float]


def merge(grid: Tiles, seen: SeenBoxes) -> list[MergedCell]:
    """Name each cell once, by falling score.

    A whole box stands before a piece, the higher score first. A cell that no tile shows in full, as it is
    larger than the overlap, gets the hull of its pieces.

    Args:
        grid: The tiles.
        seen: All boxes of all tiles.
    """
    own = own_boxes(grid, seen.boxes, seen.tile)
    cut = cut_boxes(grid, seen.boxes, seen.tile)
    index = np.flatnonzero(own)
    cell = same_cells(grid, seen)[index]
    index = index[np.lexsort((-seen.score[index], cut[index], cell))]
    starts = np.flatnonzero(np.diff(np.sort(cell), prepend=-1))
    merged = []
    for start, end in pairwise([*starts.tolist(), len(index)]):
        best = int(index[start])
        if cut[best] and end - start > 1:
            group = index[start:end]
            hull = (*seen.boxes[group, :2].min(0).tolist(), *seen.boxes[group, 2:].max(0).tolist())
            merged.append(MergedCell(best, tuple(group.tolist()), hull))
        else:
            merged.append(MergedCell(best, (), tuple(seen.boxes[best].tolist())))
    return sorted(merged, key=lambda one: -seen.score[one.best])
