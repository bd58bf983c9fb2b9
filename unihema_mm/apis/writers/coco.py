"""COCO results and the file of images and categories that they refer to."""

import json
import os
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

from unihema_mm.structures.mask_rle import encode_pixels
from unihema_mm.structures.results import RESEARCH_USE, Cell, FailedImage, ImageResult
from unihema_mm.utils.atomic import whole_file

from .base import Writer
from .class_list import ClassList
from .records import Records
from .rounding import confidence, sized_box


class CocoWriter(Writer):
    """Writes ``coco/images.json`` and ``coco/results.json``.

    ``results.json`` is COCO's list of results: ``image_id, category_id, bbox, score``, ``segmentation`` (RLE)
    where there are masks, ``attributes`` where the model predicts morphology. ``images.json`` is what
    ``pycocotools.coco.COCO`` loads before them: images and categories, no annotations.
    """

    format = 'coco'

    def __init__(self, out_folder: str | os.PathLike) -> None:
        super().__init__(out_folder)
        self._records = Records(self.records_file(out_folder))
        self._classes = ClassList(self.format)
        for record in self._records:
            self._classes.check(record['name'], record.get('classes', ()))

    def write(self, result: ImageResult) -> None:
        """Take an image."""
        self._classes.check(result.name, result.classes)
        self._records.append(
            {
                'name': result.name,
                'width': result.width,
                'height': result.height,
                'classes': list(result.classes),
                'cells': [_result(cell, result) for cell in result.cells or ()],
            }
        )

    def write_failed(self, failure: FailedImage) -> None:
        """Take an image that failed: it is listed in ``info`` of ``images.json``."""
        self._records.append({'name': failure.name, 'error': failure.error})

    def close(self) -> None:
        """Write both files."""
        try:
            with whole_file(self.folder / 'images.json') as file:
                self._write_images(file)
            with whole_file(self.folder / 'results.json') as file:
                _write_list(file, self._results())
        finally:
            self._records.close()

    def _write_images(self, file: BinaryIO) -> None:
        file.write(b'{"info": {"description": ' + json.dumps(RESEARCH_USE).encode() + b', "failed": ')
        _write_list(file, (record for record in self._records if 'error' in record))
        categories = [{'id': place, 'name': name} for place, name in enumerate(self._classes.names, 1)]
        file.write(b'}, "licenses": [], "annotations": [], "categories": ' + json.dumps(categories).encode())
        file.write(b', "images": ')
        _write_list(
            file,
            (
                {'id': number, 'file_name': record['name']}
                | {key: record[key] for key in ('width', 'height')}
                for number, record in self._images()
            ),
        )
        file.write(b'}\n')

    def _images(self) -> Iterator[tuple[int, dict[str, Any]]]:
        return enumerate((record for record in self._records if 'error' not in record), 1)

    def _results(self) -> Iterator[dict[str, Any]]:
        note = {'note': RESEARCH_USE}  # the list has no header: its first entry holds it
        for number, record in self._images():
            for cell in record['cells']:
                yield {'image_id': number, **cell, **note}
                note = {}


def _result(cell: Cell, result: ImageResult) -> dict[str, Any]:
    content: dict[str, Any] = {
        'category_id': cell.label_id + 1,
        'bbox': sized_box(cell.bbox),
        'score': confidence(cell.score),
    }
    if cell.mask is not None:
        mask = cell.mask
        content['segmentation'] = encode_pixels(mask.pixels, mask.x, mask.y, result.width, result.height)
    if cell.attributes:
        content['attributes'] = dict(cell.attributes)
    return content


def _write_list(file: BinaryIO, items: Iterable[Any]) -> None:
    """Write a JSON array entry by entry, one per line."""
    separator = b'[\n'
    for item in items:
        file.write(separator + json.dumps(item).encode())
        separator = b',\n'
    file.write(b'[]\n' if separator == b'[\n' else b'\n]\n')
