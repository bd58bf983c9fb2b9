"""CSV and JSON files of a report."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from unihema_mm.apis.writers.csv_tables import safe_text
from unihema_mm.structures.results import RESEARCH_USE
from unihema_mm.utils.atomic import whole_file

from .counts import Finding
from .quantities import Quantity

QUANTITY_COLUMNS = (
    'slide', 'image', 'quantity', 'class', 'value', 'low', 'high', 'unit', 'method', 'n', 'note', 'notice',
)  # fmt: skip
CELL_COLUMNS = (
    'slide', 'image', 'number', 'class', 'group', 'status', 'score', 'x1', 'y1', 'x2', 'y2', 'close_classes',
    'notice',
)  # fmt: skip


class CsvFile:
    """Rows into a file.

    Args:
        file: Binary file.
        columns: Names of the columns; the last one, ``notice``, is filled here.
    """

    def __init__(self, file, columns: Sequence[str]) -> None:
        self._file = file
        self._write(columns)

    def row(self, values: Iterable) -> None:
        """Write one row, without its notice."""
        self._write([*map(_cell, values), RESEARCH_USE])

    def _write(self, values: Sequence) -> None:
        text = io.StringIO()
        csv.writer(text, lineterminator='\n').writerow(values)
        self._file.write(text.getvalue().encode(errors='backslashreplace'))


@contextmanager
def csv_file(path: Path, columns: Sequence[str]) -> Iterator[CsvFile]:
    """Open a CSV file that is there as a whole, or not at all."""
    with whole_file(path) as file:
        yield CsvFile(file, columns)


def write_quantity(file: CsvFile, slide: str, image: str, line: Quantity) -> None:
    """Write a number of a slide (``image`` is empty) or of an image."""
    file.row((slide, image, line.quantity, line.kind, line.value, line.low, line.high, line.unit, line.method,
              line.n, line.note))  # fmt: skip


def write_cells(file: CsvFile, slide: str, image: str, found: Sequence[Finding], first_number: int) -> None:
    """Write the cells of an image."""
    for one in found:
        box = [''] * 4 if one.bbox is None else [round(value, 2) for value in one.bbox]
        file.row((slide, image, first_number + one.number, one.name, one.group.value, one.status.value,
                  round(one.score, 4), *box, ' | '.join(one.rivals)))  # fmt: skip


def as_json(line: Quantity) -> dict:
    """A number as it stands in the JSON file."""
    fields = asdict(line)
    fields['class'] = fields.pop('kind')
    return fields


def _cell(value):
    if value is None:
        return ''
    if isinstance(value, float):
        return f'{value:.10g}'
    return safe_text(value) if isinstance(value, str) else value
