"""Comma-separated tables of a source."""

import csv
from dataclasses import dataclass
from pathlib import Path

from unihema_mm.utils.names import nearest_names

from ..schema import DataError, Fault


def read_table(path: Path, *columns: str) -> list[dict[str, str]]:
    """Read a table with a line of headings.

    Args:
        path: The file, UTF-8.
        columns: Columns it must have.

    Returns:
        One dict per row, blanks around headings and values dropped; empty lines are left out.

    Raises:
        DataError: The file does not exist or is not such a table, a column is missing, or a row has
            too many or too few values.
    """
    if not path.is_file():
        raise DataError(Fault(str(path), 'file', 'path', 'does not exist', 'check --src'))
    try:
        with path.open(encoding='utf-8-sig', newline='') as file:
            lines = [
                (reader.line_num, row) for reader in [csv.reader(file, strict=True)] for row in reader if row
            ]
    except (UnicodeDecodeError, csv.Error) as fault:
        mend = 'copy the file again from its source, or save it as UTF-8 csv'
        raise DataError(Fault(str(path), 'file', 'content', f'is no csv table ({fault})', mend)) from None
    headings = [name.strip() for name in lines[0][1]] if lines else []
    for name in columns:
        if name not in headings:
            what = f'column {name!r} is missing ({nearest_names(name, headings)})'
            raise DataError(Fault(str(path), 'line 1', 'columns', what, 'correct the headings'))
    rows = []
    for number, values in lines[1:]:
        if len(values) != len(headings):
            what = f'has {len(values)} values for {len(headings)} columns'
            raise DataError(Fault(str(path), f'line {number}', 'values', what, 'correct the line'))
        rows.append({name: value.strip() for name, value in zip(headings, values, strict=True)})
    return rows


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
