"""Prediction of images of which the network sees a part at a time."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import cv2
import numpy as np
from tqdm import tqdm

from unihema_mm.structures.results import Cell, CellMask, ImageResult

from .image_regions import ArrayRegions, ImageRegions
from .tiling import MergedCell, SeenBoxes, Tiles, default_overlap, merge, own_boxes, tiles

Predict = Callable[[list[np.ndarray]], Sequence[ImageResult]]


def predict_tiled(
    image: np.ndarray | ImageRegions,
    predict: Predict,
    tile_size: int | tuple[int, int],
    overlap: int | None = None,
    batch_size: int = 4,
    *,
    overview: Callable[[np.ndarray], ImageResult] | None = None,
    progress: bool = False,
) -> ImageResult:
    """Predict an image tile by tile and put the results together.

    Every cell is found once: by the tile that its centre falls to, as long as it is no larger than the
    overlap; else by the pieces that the tiles show of it (see :mod:`~unihema_mm.apis.tiling`). The foreground
    of the prompt is put together from the cores of the tiles, in one array of a byte per pixel. Beside that
    and the results only ``batch_size`` tiles are held.

    Args:
        image: RGB, uint8, (height, width, 3), or an image of which windows are read.
        predict: Results of RGB tiles, uint8, (h, w, 3), one for each and in their order.
        tile_size: Side of a tile in pixels, or its width and height. Cells should be as large on it as on the
            fields that the model was trained with: a tile is prepared for the network as such a field is.
        overlap: Pixels that neighbours share; see :func:`~unihema_mm.apis.tiling.tiles`.
        batch_size: Tiles that are given to ``predict`` at once.
        overview: Result of the image as a whole, shrunk to the size of a tile; of it the answers and
            sentences are taken.
        progress: Whether to show a bar over the tiles.

    Returns:
        Result with name, prompt, classes and thresholds of the first tile.

    Raises:
        InputError: The overlap does not fit the tiles, a window cannot be read, or an image of 16 bits is
            nearly black as 8.
    """
    start = time.perf_counter()
    regions = ArrayRegions(image) if isinstance(image, np.ndarray) else image
    grid = tiles(regions.width, regions.height, tile_size, overlap)
    number = len(grid.windows)
    mosaic = _Mosaic(grid, regions.warnings)
    with tqdm(total=number, desc='tiles', unit='tile', disable=not progress, leave=False) as bar:
        for first in range(0, number, batch_size):
            windows = grid.windows[first : first + batch_size].tolist()
            results = predict([regions.read(*window) for window in windows])
            for index, result in zip(range(first, first + len(windows)), results, strict=True):
                mosaic.add(index, result)
            bar.update(len(windows))
    regions.check_levels()
    result = mosaic.result(_note(grid, tile_size, overlap))
    if overview:
        result = _with_text(result, overview(shrink(regions, tile_size)))
        if number > 1 and (result.answers or result.sentences):
            note = 'text was answered from the whole image, shrunk to one tile, where cells are small'
            result = replace(result, warnings=(*result.warnings, note))
    return replace(result, seconds=time.perf_counter() - start)


def shrink(regions: ImageRegions, size: int | tuple[int, int]) -> np.ndarray:
    """Whole image within ``size`` pixels (width, height, or both), with its aspect: RGB, uint8.

    Each pixel is the mean of those it stands for; the image is read by bands of its rows.
    """
    across, down = (size, size) if isinstance(size, int) else size
    factor = max(regions.width / across, regions.height / down, 1.0)
    width, height = (max(1, round(side / factor)) for side in (regions.width, regions.height))
    rows = np.linspace(0, regions.height, height + 1).round().astype(int)
    step = max(1, across * down * 8 // regions.width // max(1, int(factor)))
    bands = []
    for first in range(0, height, step):
        last = min(first + step, height)
        band = regions.read(0, int(rows[first]), regions.width, int(rows[last]))
        bands.append(cv2.resize(band, (width, last - first), interpolation=cv2.INTER_AREA))
    return np.concatenate(bands)


def _with_text(result: ImageResult, text: ImageResult) -> ImageResult:
    return replace(
        result,
        tasks=tuple(dict.fromkeys((*result.tasks, *text.tasks))),
        answers=text.answers,
        sentences=text.sentences,
        warnings=tuple(dict.fromkeys((*result.warnings, *text.warnings))),
        seconds=result.seconds + text.seconds,
    )


def _note(grid: Tiles, size: int | tuple[int, int], overlap: int | None) -> tuple[str, ...]:
    if len(grid.windows) == 1:
        return ()
    overlap = default_overlap(size) if overlap is None else overlap
    width, height = (grid.windows[0, 2:] - grid.windows[0, :2]).tolist()
    return (
        f'predicted in {len(grid.windows)} tiles of {width} x {height} pixels, {overlap} of which neighbours '
        f'share; cells above {overlap} pixels are put together from pieces',
    )


class _Mosaic:
    """Results of tiles on their way to the result of the image."""

    def __init__(self, grid: Tiles, warnings: tuple[str, ...]) -> None:
        self._grid = grid
        self._cores = grid.cores.astype(int)
        self._first: ImageResult | None = None
        self._warnings = dict.fromkeys(warnings)
        self._mask: np.ndarray | None = None
        self._cells: dict[int, Cell] = {}
        self._seen: list[SeenBoxes] = []
        self._count = 0

    def add(self, index: int, result: ImageResult) -> None:
        """Take the result of tile ``index``: all its boxes, but only the cells that it answers for."""
        self._first = self._first or replace(result, cells=None if result.cells is None else (), mask=None)
        self._warnings.update(dict.fromkeys(result.warnings))
        window, core = self._grid.windows[index], self._cores[index]
        if result.mask is not None:
            if self._mask is None:
                self._mask = np.zeros(self._grid.shape, np.uint8)
            x1, y1, x2, y2 = core
            inner = core - np.tile(window[:2], 2)
            self._mask[y1:y2, x1:x2] = result.mask[inner[1] : inner[3], inner[0] : inner[2]]
        if not result.cells:
            return
        x, y = window[:2].tolist()
        seen = SeenBoxes(
            np.array([cell.bbox for cell in result.cells], float) + np.array([x, y, x, y]),
            np.full(len(result.cells), index, np.int64),
            np.array([cell.label_id for cell in result.cells], np.int64),
            np.array([cell.score for cell in result.cells], float),
        )
        own = own_boxes(self._grid, seen.boxes, seen.tile)
        for i in np.flatnonzero(own).tolist():
            self._cells[self._count + i] = _moved(result.cells[i], x, y)
        self._seen.append(seen)
        self._count += len(own)

    def result(self, notes: tuple[str, ...]) -> ImageResult:
        """Result of the whole image."""
        height, width = self._grid.shape
        cells = self._first.cells
        if self._seen:
            seen = SeenBoxes(*(np.concatenate(part) for part in zip(*self._seen, strict=True)))
            cells = tuple(self._merged(cell) for cell in merge(self._grid, seen))
        return replace(
            self._first,
            width=width,
            height=height,
            cells=cells,
            mask=self._mask,
            warnings=(*self._warnings, *notes),
        )

    def _merged(self, merged: MergedCell) -> Cell:
        best = self._cells[merged.best]
        if not merged.pieces:
            return best
        masks = [self._cells[i].mask for i in merged.pieces]
        mask = None if any(mask is None for mask in masks) else join_masks(masks)
        return replace(best, bbox=merged.box, mask=mask)


def _moved(cell: Cell, x: int, y: int) -> Cell:
    x1, y1, x2, y2 = cell.bbox
    mask = cell.mask and replace(cell.mask, x=cell.mask.x + x, y=cell.mask.y + y)
    return replace(cell, bbox=(x1 + x, y1 + y, x2 + x, y2 + y), mask=mask)


def join_masks(masks: Sequence[CellMask]) -> CellMask:
    """Union of masks, cut out anew."""
    left, top = min(mask.x for mask in masks), min(mask.y for mask in masks)
    right = max(mask.x + mask.pixels.shape[1] for mask in masks)
    bottom = max(mask.y + mask.pixels.shape[0] for mask in masks)
    pixels = np.zeros((bottom - top, right - left), bool)
    for mask in masks:
        height, width = mask.pixels.shape
        pixels[mask.y - top : mask.y - top + height, mask.x - left : mask.x - left + width] |= mask.pixels
    return CellMask(left, top, pixels)
