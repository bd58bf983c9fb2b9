"""YOLO text files."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

import yaml

from unihema_mm.structures.results import RESEARCH_USE, Cell, ImageResult
from unihema_mm.utils.atomic import whole_file, write_bytes

from .base import Writer
from .class_list import ClassList
from .file_names import relative_path
from .records import Records
from .rounding import confidence, corner_box

_DIGITS = 10
_SUFFIX = '.txt'
# JSON leaves them as they are, but readers of lines take them for the end of one.
_LINE_ENDS = re.compile('[\x85\u2028\u2029]')


class YoloWriter(Writer):
    """Writes ``yolo/labels/<stem>.txt`` with ``class cx cy w h score`` per cell, and the class names.

    Boxes are normalised to the image. YOLO joins image and label by the stem; of images that share one, e.g.
    ``a.png`` and ``a.jpg``, the first has it and the others keep their suffix: ``a.jpg.txt``. Which image a
    label file is of stands in ``yolo/files.txt``: label, tab, name of the image as JSON text. An image on
    which detection was not asked for has no label file; one without cells has an empty one.
    """

    format = 'yolo'

    def __init__(self, out_folder: str | os.PathLike) -> None:
        super().__init__(out_folder)
        self._records = Records(self.records_file(out_folder))
        self._classes = ClassList(self.format)
        self._image_of: dict[str, str] = {}
        for record in self._records:
            self._classes.check(record['name'], record['classes'])
            self._image_of[record['file']] = record['name']

    def write(self, result: ImageResult) -> None:
        """Write the label file of an image."""
        if result.cells is None:
            return
        self._classes.check(result.name, result.classes)
        file = next(file for file in _label_files(result.name) if self._is_free(file, result.name))
        lines = [_line(cell, result) for cell in result.cells]
        write_bytes(self.folder / 'labels' / file, ''.join(lines).encode())
        self._records.append({'name': result.name, 'file': file, 'classes': list(result.classes)})
        self._image_of[file] = result.name

    def close(self) -> None:
        """Write the class names and the list of files."""
        names = self._classes.names
        data = yaml.safe_dump({'nc': len(names), 'names': names}, allow_unicode=True, sort_keys=False)
        try:
            write_bytes(self.folder / 'data.yaml', f'# {RESEARCH_USE}\n{data}'.encode())
            write_bytes(self.folder / 'classes.txt', ''.join(f'{name}\n' for name in names).encode())
            with whole_file(self.folder / 'files.txt') as file:
                file.write(f'# {RESEARCH_USE}\n'.encode())
                for record in self._records:
                    name = json.dumps(record['name'], ensure_ascii=False)
                    name = _LINE_ENDS.sub(lambda found: f'\\u{ord(found.group()):04x}', name)
                    line = f'labels/{record["file"]}\t{name}\n'
                    file.write(line.encode(errors='backslashreplace'))
        finally:
            self._records.close()

    def _is_free(self, file: str, name: str) -> bool:
        return self._image_of.get(file, name) == name


def _label_files(name: str) -> Iterator[str]:
    """Names that a label file may have, the best first; the last ones are never taken."""
    path = PurePosixPath(name)
    stem = name[: len(name) - len(path.suffix)] if name.endswith(path.suffix) else name
    yield str(relative_path(stem, _SUFFIX))
    while True:
        yield str(relative_path(name, _SUFFIX))
        name += '_'


def _line(cell: Cell, result: ImageResult) -> str:
    x1, y1, x2, y2 = corner_box(cell.bbox)
    box = [
        (x1 + x2) / 2 / result.width,
        (y1 + y2) / 2 / result.height,
        (x2 - x1) / result.width,
        (y2 - y1) / result.height,
    ]
    numbers = [f'{value:.{_DIGITS}f}' for value in box]
    return ' '.join([str(cell.label_id), *numbers, str(confidence(cell.score))]) + '\n'
