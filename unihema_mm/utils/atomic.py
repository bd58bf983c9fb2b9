"""Files that are either whole or absent, also when the process is killed."""

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

TEMPORARY_SUFFIX = '.tmp'


@contextmanager
def whole_file(path: str | os.PathLike) -> Iterator[BinaryIO]:
    """Open a temporary file beside ``path`` that is moved there at the end, or goes with an error.

    Args:
        path: Path of the file; its folder is made where needed.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f'.{path.name}.', suffix=TEMPORARY_SUFFIX)
    try:
        with os.fdopen(handle, 'wb') as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_bytes(path: str | os.PathLike, content: bytes) -> None:
    """Write ``content`` to a temporary file beside ``path``, then move it there."""
    with whole_file(path) as file:
        file.write(content)


def write_json(path: str | os.PathLike, content: Any) -> None:
    """Write ``content`` as indented JSON."""
    write_bytes(path, (json.dumps(content, indent=2) + '\n').encode())


def remove_leftovers(folder: str | os.PathLike, name: str = '*') -> None:
    """Remove the temporary files that killed processes left in a folder.

    Args:
        folder: The folder.
        name: Pattern of the files they were to become. No other process may write such files: it would lose
            the one that it is writing.
    """
    for path in Path(folder).glob(f'.{name}{TEMPORARY_SUFFIX}'):
        path.unlink(missing_ok=True)


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask
