"""Recall on large images against single fields: ``python tools/analysis_tools/mosaic_recall.py MODEL``."""

import argparse
import resource
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tifffile
from scipy.spatial import cKDTree
from terminaltables import AsciiTable

from unihema_mm.apis import FailedImage, UniHemaInferencer
from unihema_mm.apis.tiling import box_iou, tiles
from unihema_mm.datasets.synthetic.scene import FIELD_SIZE, MIN_VISIBLE, draw_field
from unihema_mm.datasets.synthetic.shapes import area, clip
from unihema_mm.utils.atomic import write_json
from unihema_mm.utils.errors import InputError, exit_on_input_error

MIN_IOU = 0.5


class Boxes(NamedTuple):
    """Cells of one picture: boxes xyxy (n, 4) in pixels, class names, and which lie on a seam of tiles."""

    boxes: np.ndarray
    names: list[str]
    seam: np.ndarray


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Draws mosaics, finds their cells by tiles, and compares with two ways to see single '
        'fields: those that the same mosaics fall into, and fields that are drawn as the corpus is. A cell '
        f'is found by a box of IoU {MIN_IOU} or more; each box finds one cell, the surest box first.'
    )
    parser.add_argument('model', help='work folder, checkpoint or published folder')
    parser.add_argument('--mosaics', type=int, default=4, help='number of mosaics (default: %(default)s)')
    parser.add_argument('--across', type=int, default=4, help='width in fields of 640 (default: %(default)s)')
    parser.add_argument('--down', type=int, default=4, help='height in fields of 480 (default: %(default)s)')
    parser.add_argument('--fields', type=int, default=64, help='separate fields (default: %(default)s)')
    parser.add_argument('--overlap', type=int, help='pixels that tiles share (default: that of the library)')
    parser.add_argument('--score', type=float, default=0.3, help='least confidence (default: %(default)s)')
    parser.add_argument('--batch-size', type=int, default=4, help='tiles at once (default: %(default)s)')
    parser.add_argument('--seed', type=int, default=0, help='seed of the drawings (default: %(default)s)')
    parser.add_argument('--only-mosaics', action='store_true', help='leave out single fields')
    parser.add_argument('--device', help='such as cpu or cuda:0')
    parser.add_argument('--out', type=Path, metavar='FILE.json', help='write the numbers to a JSON file')
    return parser.parse_args()


def draw(path: Path, seed: list[int], across: int, down: int) -> list[tuple[str, np.ndarray]]:
    """Draw a picture into a tiled TIFF; the names and outlines of its cells."""
    scene = draw_field(np.random.default_rng(seed), across, down)
    tifffile.imwrite(
        path, scene.picture[..., ::-1], photometric='rgb', tile=(256, 256), compression='zlib', predictor=True
    )
    return [(cell.name, cell.outline) for cell in scene.cells]


def truth_of(cells: Iterable[tuple[str, np.ndarray]], seams: list[np.ndarray] = ()) -> Boxes:
    """Boxes of cells; those that cross one of ``seams`` (x and y of the borders of cores) are marked."""
    cells = list(cells)
    boxes = np.array([[*outline.min(0), *outline.max(0)] for _, outline in cells]).reshape(-1, 4)
    seam = np.zeros(len(boxes), bool)
    for axis, lines in enumerate(seams):
        for line in lines:
            seam |= (boxes[:, axis] < line) & (boxes[:, axis + 2] > line)
    return Boxes(boxes, [name for name, _ in cells], seam)


def truth_of_field(cells: list[tuple[str, np.ndarray]], window: tuple[int, int, int, int]) -> Boxes:
    """Cells that a window shows, by the rule of the corpus: those of which enough is inside."""
    x1, y1, x2, y2 = window
    shown = []
    for name, outline in cells:
        low, high = outline.min(0), outline.max(0)
        if (low < (x2, y2)).all() and (high > (x1, y1)).all():
            moved = outline - (x1, y1)
            visible = clip(moved, x2 - x1, y2 - y1)
            if visible is moved or (len(visible) >= 3 and area(visible) >= MIN_VISIBLE * area(outline)):
                shown.append((name, visible))
    return truth_of(shown)


def match(truth: Boxes, cells) -> dict[str, int]:
    """Count the cells of one picture that its predicted ``cells``, by falling score, find."""
    counts = dict(truth=len(truth.boxes), predicted=len(cells), found=0, named=0, seam=0, seam_found=0)
    counts['seam'] = int(truth.seam.sum())
    if not len(cells) or not len(truth.boxes):
        return counts
    boxes = np.array([cell.bbox for cell in cells], float)
    reach = max((b[:, 2:] - b[:, :2]).max() for b in (boxes, truth.boxes))
    tree = cKDTree(truth.boxes.reshape(-1, 2, 2).mean(1))
    near = tree.query_ball_point(boxes.reshape(-1, 2, 2).mean(1), reach / 2)
    taken = np.zeros(len(truth.boxes), bool)
    for cell, box, candidates in zip(cells, boxes, near, strict=True):
        candidates = [i for i in candidates if not taken[i]]
        if not candidates:
            continue
        agreement = box_iou(box[None], truth.boxes[candidates])[0]
        best = candidates[int(agreement.argmax())]
        if agreement.max() >= MIN_IOU:
            taken[best] = True
            counts['named'] += truth.names[best] == cell.label
    counts['found'] = int(taken.sum())
    counts['seam_found'] = int(taken[truth.seam].sum())
    return counts


class Comparison:
    """Draws, predicts and counts."""

    def __init__(self, args: argparse.Namespace, folder: Path, pool: ProcessPoolExecutor) -> None:
        self.args, self.folder, self.pool = args, folder, pool
        self.inferencer = UniHemaInferencer(args.model, device=args.device)
        self.options = dict(
            tasks='det', score_threshold=args.score, batch_size=args.batch_size, progress=False
        )
        self.counts: dict[str, dict[str, float]] = {}

    def drawn(self, kind: int, index: int, across: int, down: int) -> tuple[Path, list]:
        # Drawn by another process: it takes more memory than the prediction, which is to be measured.
        path = self.folder / 'picture.tif'
        return path, self.pool.submit(draw, path, [self.args.seed, kind, index], across, down).result()

    def add(self, name: str, truth: Boxes, result) -> None:
        if isinstance(result, FailedImage):
            raise InputError(result.error)
        total = self.counts.setdefault(name, dict(pictures=0, seconds=0.0))
        new = dict(match(truth, result.cells), pictures=1, seconds=result.seconds)
        for key, value in new.items():
            total[key] = total.get(key, 0) + value

    def mosaic(self, index: int) -> None:
        args, size = self.args, FIELD_SIZE
        path, cells = self.drawn(1, index, args.across, args.down)
        width, height = size[0] * args.across, size[1] * args.down
        cores = tiles(width, height, size, args.overlap).cores
        seams = [np.unique(cores[:, axis]) for axis in (0, 1)]
        (result,) = self.inferencer(path, tile=size, tile_overlap=args.overlap, **self.options)
        self.add('mosaic by tiles', truth_of(cells, seams), result)
        if args.only_mosaics:
            return
        picture = tifffile.imread(path)
        windows = [
            (x, y, x + size[0], y + size[1])
            for y in range(0, height, size[1])
            for x in range(0, width, size[0])
        ]
        fields = [picture[y1:y2, x1:x2] for x1, y1, x2, y2 in windows]
        for window, result in zip(windows, self.inferencer(fields, tile=None, **self.options), strict=True):
            self.add('its fields one by one', truth_of_field(cells, window), result)

    def field(self, index: int) -> None:
        path, cells = self.drawn(0, index, 1, 1)
        (result,) = self.inferencer(path, tile=None, **self.options)
        self.add('separate fields', truth_of(cells), result)


def table(counts: dict[str, dict[str, float]]) -> str:
    rows = [('', 'pictures', 'cells', 'boxes', 'recall', 'with class', 'precision', 'recall on seams', 's')]
    for name, c in counts.items():
        seams = f'{c["seam_found"] / c["seam"]:.3f} of {c["seam"]}' if c['seam'] else ''
        shares = [c[key] / max(c['truth'], 1) for key in ('found', 'named')]
        shares.append(c['found'] / max(c['predicted'], 1))
        numbers = [f'{share:.3f}' for share in shares]
        rows.append((name, c['pictures'], c['truth'], c['predicted'], *numbers, seams, f'{c["seconds"]:.0f}'))
    return AsciiTable([[str(value) for value in row] for row in rows]).table


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    args = parse_args()
    start = time.perf_counter()
    with (
        exit_on_input_error(),
        tempfile.TemporaryDirectory() as folder,
        ProcessPoolExecutor(1, mp_context=get_context('spawn')) as pool,
    ):
        comparison = Comparison(args, Path(folder), pool)
        comparison.field(0)
        before = peak_mib()
        for index in range(args.mosaics):
            comparison.mosaic(index)
        for index in range(1, 0 if args.only_mosaics else args.fields):
            comparison.field(index)
    print(table(comparison.counts))
    memory = dict(one_field_mib=before, peak_mib=peak_mib())
    print(f'peak memory {memory["peak_mib"]:.0f} MiB, {before:.0f} MiB of it after one field')
    if args.out is not None:
        megapixels = args.across * args.down * FIELD_SIZE[0] * FIELD_SIZE[1] / 1e6
        settings = dict(vars(args), out=str(args.out), megapixels=megapixels)
        seconds = time.perf_counter() - start
        write_json(
            args.out, dict(settings=settings, counts=comparison.counts, memory=memory, seconds=seconds)
        )


if __name__ == '__main__':
    main()
