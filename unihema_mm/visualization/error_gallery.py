"""Cut-outs of the cells that a detector got wrong."""

import html
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from unihema_mm.datasets.image_files import decode_image
from unihema_mm.evaluation.detection_errors import KINDS, CellError
from unihema_mm.structures.results import RESEARCH_USE, Cell
from unihema_mm.utils.atomic import write_bytes

from .overlay import draw_overlay
from .panel import Line, draw_panel

SIDE = 140  # pixels of a cut-out on a sheet
AROUND = 0.5  # of the longer side of a box, shown on each side of it
INDEX = 'index.html'

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Errors per class</title>
<style>body{{font:15px sans-serif;margin:2em}}table{{border-collapse:collapse}}td,th{{border:1px solid #bbb;
padding:.3em .7em;text-align:right}}td:first-child,th:first-child{{text-align:left}}
img{{max-width:100%}}</style>
</head><body><h1>Errors per class</h1><p>{facts}</p>
<table><tr><th>class</th>{heads}</tr>{rows}</table>{sheets}<p>{footer}</p></body></html>
"""


def write_gallery(
    folder: str | Path, errors: Sequence[CellError], facts: str, per_kind: int = 12
) -> dict[str, Counter[str]]:
    """Write one sheet per class, ``<class>.png``, and ``index.html``, which shows all of them.

    Args:
        folder: Folder of the files.
        errors: Errors, those to show first at the front.
        facts: What they are errors of, for the page.
        per_kind: Most cut-outs of one kind and class on a sheet; the page counts all.

    Returns:
        Class -> kind -> number of errors.

    Raises:
        InputError: An image cannot be read.
    """
    folder = Path(folder)
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    shown: dict[str, dict[str, list[CellError]]] = defaultdict(lambda: defaultdict(list))
    for error in errors:
        counts[error.class_name][error.kind] += 1
        if counts[error.class_name][error.kind] <= per_kind:
            shown[error.class_name][error.kind].append(error)
    tiles = _tiles([error for kinds in shown.values() for part in kinds.values() for error in part])
    files = {}
    for name, kinds in sorted(shown.items()):
        sheet = _sheet(name, kinds, counts[name], tiles, per_kind)
        files[name] = _file_name(name, files.values())
        write_bytes(folder / files[name], cv2.imencode('.png', sheet[..., ::-1])[1].tobytes())
    write_bytes(folder / INDEX, _page(counts, files, facts).encode())
    return dict(counts)


def _tiles(errors: Sequence[CellError]) -> dict[CellError, np.ndarray]:
    """Cut-outs; each image is read once."""
    tiles = {}
    image, path = None, None
    for error in sorted(errors, key=lambda error: error.path):
        if error.path != path:
            path = error.path
            image = decode_image(path)[..., ::-1]
        tiles[error] = _tile(image, error)
    return tiles


def _tile(image: np.ndarray, error: CellError) -> np.ndarray:
    x1, y1, x2, y2 = error.box
    half = max(x2 - x1, y2 - y1, 8) * (0.5 + AROUND)
    left, top = round((x1 + x2) / 2 - half), round((y1 + y2) / 2 - half)
    side = max(1, round(2 * half))
    height, width = image.shape[:2]
    part = np.full((side, side, 3), 235, np.uint8)  # what is outside of the image stays grey
    rows, columns = slice(max(0, top), min(height, top + side)), slice(max(0, left), min(width, left + side))
    part[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left] = image[
        rows, columns
    ]
    part = cv2.resize(part, (SIDE, SIDE), interpolation=cv2.INTER_AREA if side > SIDE else cv2.INTER_CUBIC)
    box = (x1 - left, y1 - top, x2 - left, y2 - top)
    return draw_overlay(part, [Cell(box, error.class_name, 0, error.score)], factor=SIDE / side)


def _sheet(
    name: str,
    kinds: Mapping[str, Sequence[CellError]],
    counts: Mapping[str, int],
    tiles: Mapping[CellError, np.ndarray],
    columns: int,
) -> np.ndarray:
    columns = min(columns, max(len(part) for part in kinds.values()))
    width = max(columns * (SIDE + 6), 420)
    rows = [draw_panel([(Line(name, bold=True),)], width, None, 18)]
    for kind in KINDS:
        part = kinds.get(kind)
        if not part:
            continue
        rows.append(draw_panel([(Line(f'{kind}: {counts[kind]:,}', bold=True),)], width, None, 13))
        figures = [np.vstack([_with_edge(tiles[error]), _caption(error)]) for error in part]
        height = max(figure.shape[0] for figure in figures)
        rows.append(_fitted(np.hstack([_fitted(one, height, SIDE + 6) for one in figures]), height, width))
    rows.append(draw_panel([(Line(RESEARCH_USE),)], width, None, 12))
    return np.vstack(rows)


def _with_edge(tile: np.ndarray) -> np.ndarray:
    return cv2.copyMakeBorder(tile, 3, 3, 3, 3, cv2.BORDER_CONSTANT, value=(255, 255, 255))


def _caption(error: CellError) -> np.ndarray:
    return draw_panel([(Line(error.note), Line(Path(error.path).name, scale=0.8))], SIDE + 6, None, 11)


def _fitted(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    down, right = height - picture.shape[0], width - picture.shape[1]
    return cv2.copyMakeBorder(picture, 0, down, 0, right, cv2.BORDER_CONSTANT, value=(255, 255, 255))


def _file_name(name: str, taken: Sequence[str]) -> str:
    stem = re.sub(r'[^\w-]+', '_', name) or 'class'
    names = (f'{stem}{suffix}.png' for suffix in ('', *(f'_{number}' for number in range(2, 10**6))))
    lower = {other.lower() for other in taken}
    return next(candidate for candidate in names if candidate.lower() not in lower)


def _page(counts: Mapping[str, Mapping[str, int]], files: Mapping[str, str], facts: str) -> str:
    rows = ''.join(
        f'<tr><td>{html.escape(name)}</td>'
        + ''.join(f'<td>{counts[name].get(kind, 0):,}</td>' for kind in KINDS)
        for name in files
    )
    sheets = ''.join(
        f'<h2>{html.escape(name)}</h2><img src="{html.escape(file)}" alt="Errors of {html.escape(name)}">'
        for name, file in files.items()
    )
    heads = ''.join(f'<th>{kind}</th>' for kind in KINDS)
    note = html.escape(facts) if counts else f'{html.escape(facts)} There are no errors.'
    return _PAGE.format(facts=note, heads=heads, rows=rows, sheets=sheets, footer=RESEARCH_USE)
