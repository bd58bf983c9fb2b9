"""Tables for spreadsheets and statistics."""

import csv
import io
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from unihema_mm.structures.results import RESEARCH_USE, Cell, FailedImage, ImageResult
from unihema_mm.utils.atomic import whole_file

from .base import Writer
from .records import Records
from .rounding import confidence, corner_box, pixels

BORDER_PX = 2  # a box as near as this to an edge of the image touches it, as in reports

CELL_COLUMNS = (
    'image', 'cell', 'class', 'score', 'x1', 'y1', 'x2', 'y2', 'area', 'touches_border', 'mask_area',
    'mask_score',
)  # fmt: skip
IMAGE_COLUMNS = (
    'image', 'width', 'height', 'tasks', 'prompt', 'cells', 'class', 'class_score', 'foreground_area',
    'warnings', 'error',
)  # fmt: skip
NOTE_COLUMN = 'note'

# What makes a formula of a cell: OWASP's list, and the full-width forms that spreadsheets take for the same.
_FORMULA = re.compile(r"\s*[=+\-@'＝＋－＠]|[\t\r\n]")  # noqa: RUF001
_CONTROL = re.compile(r'[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]')


class CsvWriter(Writer):
    """Writes ``csv/cells.csv`` with one row per cell and ``csv/images.csv`` with one row per image.

    UTF-8, commas, a header, text in quotes; what is not known is empty. The column ``note`` of each row holds
    :data:`RESEARCH_USE`. Text that a spreadsheet could take for a formula has an apostrophe before it, see
    :func:`safe_text`.
    """

    format = 'csv'

    def __init__(self, out_folder: str | os.PathLike) -> None:
        super().__init__(out_folder)
        self._records = Records(self.records_file(out_folder))

    def write(self, result: ImageResult) -> None:
        """Take an image."""
        cells = [_cell_row(number, cell, result) for number, cell in enumerate(result.cells or (), 1)]
        self._records.append({'name': result.name, 'image': _image_row(result), 'cells': cells})

    def write_failed(self, failure: FailedImage) -> None:
        """Take an image that failed: it has a row with its ``error`` in ``images.csv``."""
        row = {'image': failure.name, 'error': failure.error}
        self._records.append({'name': failure.name, 'image': row, 'cells': []})

    def close(self) -> None:
        """Write both tables."""
        try:
            self._write_table('cells.csv', CELL_COLUMNS, lambda record: record['cells'])
            self._write_table('images.csv', IMAGE_COLUMNS, lambda record: [record['image']])
        finally:
            self._records.close()

    def _write_table(
        self, name: str, columns: tuple[str, ...], rows_of: Callable[[dict], list[dict]]
    ) -> None:
        def rows() -> Iterator[dict[str, Any]]:
            return (row for record in self._records for row in rows_of(record))

        columns = tuple(dict.fromkeys(columns) | {key: None for row in rows() for key in row})
        with whole_file(self.folder / name) as file:
            text = io.TextIOWrapper(file, encoding='utf-8', newline='', write_through=True)
            table = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC, lineterminator='\n')
            table.writerow([*map(safe_text, columns), NOTE_COLUMN])
            for row in rows():
                table.writerow([*(_entry(row.get(column)) for column in columns), RESEARCH_USE])
            text.detach()


def safe_text(text: str) -> str:
    r"""Text that no spreadsheet takes for a formula, and no reader of CSV stumbles over.

    Text that begins with ``=``, ``+``, ``-``, ``@``, their full-width forms, a tab or a line break gets an
    apostrophe before it, as OWASP recommends; so does text that begins with an apostrophe. To get the text
    back, drop one apostrophe from the beginning. Control characters are written as ``\xNN``.
    """
    text = _CONTROL.sub(lambda found: repr(found.group())[1:-1], text)
    return f"'{text}" if _FORMULA.match(text) else text


def _entry(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return safe_text(value) if isinstance(value, str) else value


def _cell_row(number: int, cell: Cell, result: ImageResult) -> dict[str, Any]:
    x1, y1, x2, y2 = corner_box(cell.bbox)
    row = {
        'image': result.name,
        'cell': number,
        'class': cell.label,
        'score': confidence(cell.score),
        'x1': x1,
        'y1': y1,
        'x2': x2,
        'y2': y2,
        'area': pixels((x2 - x1) * (y2 - y1)),
        'touches_border': min(x1, y1, result.width - x2, result.height - y2) <= BORDER_PX,
        'mask_area': None if cell.mask is None else int(cell.mask.pixels.sum()),
        'mask_score': None if cell.mask_score is None else confidence(cell.mask_score),
    }
    for name, value in cell.attributes.items():
        row[f'attribute:{name}'] = value
        if name in cell.attribute_scores:
            row[f'attribute_score:{name}'] = confidence(cell.attribute_scores[name])
    return row


def _image_row(result: ImageResult) -> dict[str, Any]:
    row: dict[str, Any] = {
        'image': result.name,
        'width': result.width,
        'height': result.height,
        'tasks': ' '.join(result.tasks),
        'prompt': result.prompt,
        'cells': None if result.cells is None else len(result.cells),
        'foreground_area': None if result.mask is None else int((result.mask > 0).sum()),
        'warnings': ' | '.join(result.warnings) or None,
    }
    if result.cell_class is not None:
        row |= {'class': result.cell_class.label, 'class_score': confidence(result.cell_class.score)}
        row |= {f'attribute:{name}': value for name, value in result.cell_class.attributes.items()}
    seen = Counter()
    for kind, asked, said in [
        *(('answer', answer.question, answer.answer) for answer in result.answers),
        *(('completed', sentence.masked, sentence.completed) for sentence in result.sentences),
    ]:
        seen[kind, asked] += 1
        again = f' ({seen[kind, asked]})' if seen[kind, asked] > 1 else ''
        row[f'{kind}{again}:{asked}'] = said
    return row
