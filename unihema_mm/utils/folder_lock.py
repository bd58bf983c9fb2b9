"""One run at a time in a folder."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import InputError

LOCK_FILE = '.lock'
_POLL_SECONDS = 0.2


@contextmanager
def folder_lock(folder: str | os.PathLike, patience: float = 0.0) -> Iterator[None]:
    """Keep other runs out of a folder; the system frees the lock also when the process is killed.

    Args:
        folder: The folder, made where needed. It holds the file ``.lock`` meanwhile.
        patience: Seconds to wait for the lock. Loader workers of a killed process hold it until they notice.

    Raises:
        InputError: Another process, or this one, holds the lock.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / LOCK_FILE
    end = time.monotonic() + patience
    while (handle := _lock(path)) is None and time.monotonic() < end:
        time.sleep(_POLL_SECONDS)
    if handle is None:
        raise InputError(
            f'{folder}: folder: out: another run writes into it; wait until it ends, or choose another folder'
        )
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        # Forked workers share the lock, closing would leave it to them.
        fcntl.flock(handle, fcntl.LOCK_UN)
        os.close(handle)


def _lock(path: Path) -> int | None:
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_still(handle, path):
                return handle
        except BlockingIOError:
            os.close(handle)
            return None
        os.close(handle)


def _is_still(handle: int, path: Path) -> bool:
    """Whether the locked file is the one in the folder: its holder may have removed it before the lock."""
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except FileNotFoundError:
        return False
