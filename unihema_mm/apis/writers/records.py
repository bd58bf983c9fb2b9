"""Append-only file with one record per image, which survives a killed process."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from unihema_mm.utils.errors import InputError


class Records:
    """One JSON object per line, each with a ``name``.

    A record is whole or absent: opening the file cuts off a line that a killed process left without its end.
    Records of a name that was written before replace the earlier ones, in their place. Only names and places
    are held in memory.

    Args:
        path: The file, made where needed.

    Raises:
        InputError: A line is no such record.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.touch()
        self._places: dict[str, int] = {}
        self._end = 0
        for end, record in read_records(self.path):
            self._places[record['name']] = self._end
            self._end = end
        os.truncate(self.path, self._end)
        self._file = self.path.open('ab')

    def append(self, record: dict[str, Any]) -> None:
        """Write a record; it is on the disk when this returns."""
        line = (json.dumps(record) + '\n').encode()
        self._file.write(line)
        self._file.flush()
        os.fsync(self._file.fileno())
        self._places[record['name']] = self._end
        self._end += len(line)

    def __contains__(self, name: str) -> bool:
        return name in self._places

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """The last record of each name, in the order in which the names came first."""
        with self.path.open('rb') as file:
            for place in self._places.values():
                file.seek(place)
                yield json.loads(file.readline())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read_records(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Read the whole lines of a file of records; nothing is changed, so another process may write meanwhile.

    Args:
        path: The file.

    Yields:
        The place behind each record, in bytes, and the record.

    Raises:
        InputError: A line is no record.
    """
    end = 0
    with path.open('rb') as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b'\n'):
                return
            try:
                record = json.loads(line)
                known = isinstance(record['name'], str)
            except (ValueError, KeyError, TypeError):
                known = False
            if not known:
                raise InputError(f'{path}: line {number}: is no record of an image; choose another folder')
            end += len(line)
            yield end, record
