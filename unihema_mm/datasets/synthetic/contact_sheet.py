"""One picture that shows what a corpus holds."""

import json
from pathlib import Path

import cv2
import numpy as np

from .vocabulary import CLASSES

# Cells of a class that fit in half the width of two fields.
_CELLS = 5
_COLOURS = cv2.applyColorMap(np.linspace(0, 255, len(CLASSES), dtype=np.uint8)[None], cv2.COLORMAP_HSV)[0]


def _label(picture: np.ndarray, text: str, at=(3, 12), scale: float = 0.4) -> None:
    for colour, thickness in (((255, 255, 255), 3), ((0, 0, 0), 1)):
        cv2.putText(picture, text, at, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, thickness, cv2.LINE_AA)


def _overlay(picture: np.ndarray, objects: list[dict], names: dict[int, str]) -> None:
    for record in objects:
        colour = _COLOURS[CLASSES.index(names[record['category_id']])].tolist()
        x, y, w, h = record['bbox']
        corners = [(round(x), round(y)), (round(x + w) - 1, round(y + h) - 1)]
        cv2.rectangle(picture, *corners, colour, 1)
        for polygon in record['segmentation']:
            points = np.round(np.reshape(polygon, (-1, 2))).astype(np.int32)
            cv2.polylines(picture, [points], True, colour, 1, cv2.LINE_AA)
        if names[record['category_id']] != 'RBC':
            _label(picture, names[record['category_id']], (corners[0][0], max(corners[0][1] - 2, 10)), 0.36)


def _grid(tiles: list[np.ndarray], columns: int) -> np.ndarray:
    blank = np.full_like(tiles[0], 255)
    tiles = tiles + [blank] * (-len(tiles) % columns)
    return np.vstack([np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)])


def contact_sheet(root: Path, out: Path, split: str = 'train') -> None:
    """Write a sheet of a synthetic corpus: cells of each class, and a field per kind with boxes on its right.

    Args:
        root (Path): Data root of the corpus.
        out (Path): Picture to write; the ending names the format.
        split (str): Split to show.

    Raises:
        ValueError: The split lacks a field or a single cell of some class, or the ending is unknown.
    """
    root = Path(root)
    content = json.loads((root / 'annotations' / f'{split}.json').read_text(encoding='utf-8'))
    names = {record['id']: record['name'] for record in content['categories']}
    fields: dict[str, list[dict]] = {}
    cells: dict[str, list[dict]] = {name: [] for name in CLASSES}
    for image in content['images']:
        if 'class_name' in image:
            cells[image['class_name']].append(image)
        else:
            fields.setdefault(image['prompt'], []).append(image)
    if not fields or not all(cells.values()):
        raise ValueError(f'{root}: split {split} lacks a field or a cell of some class: draw a larger corpus')

    objects: dict[int, list[dict]] = {}
    for record in content['annotations']:
        objects.setdefault(record['image_id'], []).append(record)
    shown = []
    for prompt, images in sorted(fields.items()):
        image = max(images, key=lambda image: len({r['category_id'] for r in objects[image['id']]}))
        picture = cv2.imread(str(root / image['file_name']))
        _overlay(picture, [r for r in objects[image['id']] if r['bbox'][0] >= image['width'] / 2], names)
        _label(picture, prompt, (6, 20), 0.6)
        shown.append(picture)
    rows = []
    for name, images in cells.items():
        row = _grid([cv2.imread(str(root / image['file_name'])) for image in images[:_CELLS]], _CELLS)
        _label(row, name)
        rows.append(row)
    sheet = np.vstack([_grid(shown, 2), _grid(rows, 2)])
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    try:
        cv2.imwrite(str(out), sheet, [cv2.IMWRITE_JPEG_QUALITY, 82])
    except cv2.error:
        raise ValueError(f'{out}: cannot write this kind of picture: use .jpg or .png') from None
