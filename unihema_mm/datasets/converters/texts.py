"""Text files of a source, read whole."""

from pathlib import Path

import yaml

from ..schema import DataError, Fault

_COPY = 'copy the file again from its source'


def read_bytes(path: Path, file: str | None = None) -> bytes:
    """Read a file.

    Args:
        path: The file.
        file: Its name for messages, by default its path.

    Raises:
        DataError: It cannot be read: it is absent, a folder, a broken link or not permitted.
    """
    try:
        return path.read_bytes()
    except OSError as fault:
        what = f'cannot be read ({fault.strerror})'
        raise DataError(Fault(file or str(path), 'file', 'path', what, _COPY)) from None


def read_text(path: Path, file: str | None = None) -> str:
    """Read a UTF-8 text file, with or without a byte order mark.

    Args:
        path: The file.
        file: Its name for messages, by default its path.

    Raises:
        DataError: It cannot be read, or is no UTF-8 text.
    """
    try:
        return read_bytes(path, file).decode('utf-8-sig')
    except UnicodeDecodeError:
        mend = f'{_COPY}, or save it as UTF-8'
        raise DataError(Fault(file or str(path), 'file', 'content', 'is not UTF-8 text', mend)) from None


def read_yaml(path: Path) -> dict:
    """Read a YAML file that holds an object.

    Args:
        path: The file.

    Raises:
        DataError: It cannot be read, is no YAML, or holds something else.
    """
    text = read_text(path)
    try:
        data = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as fault:
        # ValueError: a date that does not exist, a number of thousands of digits.
        what = f'is not YAML ({" ".join(str(fault).split())})'
        raise DataError(Fault(str(path), 'file', 'content', what, 'correct it')) from None
    if not isinstance(data, dict):
        what = f'is a {type(data).__name__}'
        raise DataError(Fault(str(path), 'file', 'content', what, 'write an object of names and values'))
    return data
