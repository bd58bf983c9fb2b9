"""Comma-separated tables of a source."""

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from unihema_mm.utils.names import nearest_names

from ..schema import DataError, Fault
from .texts import read_text

Column = str | int


@dataclass(frozen=True)
class Table:
    """A table as it stands in its file.

    Attributes:
        path: The file.
        headings: Its headings; empty where it has none.
        rows: Line number and values of each row that is not blank, blanks around values dropped.
    """

    path: Path
    headings: list[str]
    rows: list[tuple[int, list[str]]]

    @property
    def width(self) -> int:
        """Number of its columns."""
        return len(self.headings) or (len(self.rows[0][1]) if self.rows else 0)

    def find(self, column: Column) -> int:
        """Find the place of a column.

        Args:
            column: Its heading, or its number; the first column is 1.

        Raises:
            DataError: There is no such column, or there are two with this heading.
        """
        if type(column) not in (int, str):
            what, mend = f'column {column!r} is neither a heading nor a number', 'correct it'
            raise DataError(Fault('entry', 'parameters', 'columns', what, mend))
        if isinstance(column, int):
            if self.width and not 1 <= column <= self.width:
                what = f'column {column} is not there, it has {self.width}'
                raise DataError(Fault(str(self.path), 'file', 'columns', what, 'count from 1'))
            return column - 1
        number = self.headings.count(column)
        if not self.headings:
            mend = 'give its number, the first column is 1'
            what = f'column {column!r} is a name, and the table has no headings'
        elif number == 0:
            mend = 'correct the headings'
            what = f'column {column!r} is missing ({nearest_names(column, self.headings)})'
        else:
            mend = 'rename one of them, or give the number of the column'
            what = f'column {column!r} stands there {number} times'
        if number != 1:
            raise DataError(Fault(str(self.path), 'line 1', 'columns', what, mend))
        return self.headings.index(column)


def load_table(path: Path, *, delimiter: str = ',', header: bool = True) -> Table:
    """Load a table; rows whose values are all blank are left out.

    Args:
        path: The file, UTF-8.
        delimiter: What separates the values, one character.
        header: Whether the first line holds headings.

    Raises:
        DataError: The file does not exist or is not such a table, or a row has too many or too few values.
    """
    if not path.is_file():
        raise DataError(Fault(str(path), 'file', 'path', 'does not exist', 'check --src'))
    text = io.StringIO(read_text(path), newline='')
    try:
        reader = csv.reader(text, delimiter=delimiter, strict=True)
    except (TypeError, ValueError):
        mend = 'write one character, e.g. ","'
        raise DataError(Fault('entry', 'parameters', 'delimiter', f'is {delimiter!r}', mend)) from None
    try:
        lines = [(reader.line_num, [value.strip() for value in row]) for row in reader]
    except csv.Error as fault:
        mend = 'copy the file again from its source, or save it as csv'
        raise DataError(Fault(str(path), 'file', 'content', f'is no csv table ({fault})', mend)) from None
    lines = [(number, row) for number, row in lines if any(row)]
    headings = lines.pop(0)[1] if header and lines else []
    table = Table(path, headings, lines)
    for number, values in lines:
        if len(values) != table.width:
            what = f'has {len(values)} values for {table.width} columns'
            raise DataError(Fault(str(path), f'line {number}', 'values', what, 'correct the line'))
    return table


def read_table(path: Path, *columns: str) -> list[dict[str, str]]:
    """Read a table with a line of headings.

    Args:
        path: The file, UTF-8.
        columns: Columns it must have, once.

    Returns:
        One dict per row, blanks around headings and values dropped; blank lines are left out.

    Raises:
        DataError: The file does not exist or is not such a table, a column is missing, or a row has
            too many or too few values.
    """
    table = load_table(path)
    if not table.headings:
        what = f'column {columns[0]!r} is missing (the file is empty)' if columns else 'is empty'
        raise DataError(Fault(str(path), 'line 1', 'columns', what, 'correct the headings'))
    for name in columns:
        table.find(name)
    return [dict(zip(table.headings, values, strict=True)) for _, values in table.rows]


@dataclass(frozen=True)
class Lookup:
    """A table that gives one value for each key.

    Attributes:
        file: The csv file, relative to the source folder.
        key: Column of the keys.
        value: Column of the values.
        digits: Keys are filled with zeros from the left to this length.
    """

    file: str
    key: str
    value: str
    digits: int = 0

    def read(self, source: Path) -> dict[str, str]:
        """Read key -> value.

        Raises:
            DataError: As :func:`read_table`, or a key stands there twice.
        """
        path = source / self.file
        table: dict[str, str] = {}
        for row in read_table(path, self.key, self.value):
            key = row[self.key].zfill(self.digits)
            if key in table:
                raise DataError(Fault(str(path), key, self.key, 'stands there twice', 'keep one line'))
            table[key] = row[self.value]
        return table


def make_lookup(spec: dict, name: str) -> Lookup:
    """Build a lookup from the parameter of an entry.

    Args:
        spec: The fields of :class:`Lookup`.
        name: Name of the parameter, for messages.

    Raises:
        DataError: The fields do not fit.
    """
    try:
        return Lookup(**spec)
    except TypeError:
        mend = 'write file, key and value (two column names), and digits where keys lack leading zeros'
        raise DataError(Fault('entry', 'parameters', name, f'is {spec!r}', mend)) from None
