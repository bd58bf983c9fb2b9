"""Reading of image files from one LMDB file, as ``tools/prepare_data.py lmdb`` makes it."""

import errno
import os
import os.path as osp
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING

from mmengine.fileio import register_backend
from mmengine.fileio.backends import BaseStorageBackend

from unihema_mm.utils.errors import InputError

if TYPE_CHECKING:
    import lmdb

BACKEND = 'image_lmdb'
# No path relative to a folder begins so.
MARK = b'//unihema_mm'
_PACK = 'make it with tools/prepare_data.py lmdb'


class ImageLmdbBackend(BaseStorageBackend):
    """Storage backend of :mod:`mmengine.fileio`, ``dict(backend='image_lmdb', db_path=...)``.

    Takes paths of files as they were in the folder that was packed. Unlike mmengine's ``LmdbBackend``, each
    process opens the file itself, since LMDB forbids the use of a handle behind a fork; and what is absent
    is an error instead of ``None``.

    Args:
        db_path: The LMDB file.
        root: The folder that was packed, which need not exist any more; by default that of ``db_path``.
    """

    def __init__(self, db_path: str, root: str | None = None) -> None:
        import_lmdb()
        self.db_path = osp.abspath(db_path)
        self.shown_path = str(db_path)
        self.root = osp.abspath(osp.dirname(self.db_path) if root is None else root)

    def get(self, filepath: str) -> bytes:
        """Read a file.

        Args:
            filepath: Its path.

        Returns:
            Its bytes.

        Raises:
            FileNotFoundError: The LMDB does not hold it.
            InputError: The LMDB file does not exist, or is none that was packed here.
        """
        with self._open().begin() as transaction:
            content = transaction.get(self._key(str(filepath)))
        if content is None:
            raise FileNotFoundError(errno.ENOENT, f'is not in {self.shown_path}', str(filepath))
        return content

    def get_text(self, filepath: str, encoding: str = 'utf-8') -> str:
        """Read a file as text."""
        return self.get(filepath).decode(encoding)

    def missing(self, folder: str, names: Iterable[str]) -> list[str]:
        """Find the files that the LMDB does not hold.

        Args:
            folder: Folder that the names are relative to; empty for the current one.
            names: Relative paths with forward slashes.

        Returns:
            The names that are absent, in the given order.
        """
        prefix = self._key(folder or '.') + b'/'
        prefix = b'' if prefix == b'./' else prefix
        with self._open().begin(buffers=True) as transaction:
            # A buffer is no copy, so that no image is read.
            return [name for name in names if transaction.get(prefix + as_key(name)) is None]

    def _key(self, path: str) -> bytes:
        return as_key(osp.relpath(path, self.root).replace(os.sep, '/'))

    def _open(self) -> 'lmdb.Environment':
        try:
            inode = os.stat(self.db_path).st_ino
        except OSError as fault:
            raise InputError(
                f'{self.shown_path}: image_lmdb: path: cannot be read ({fault.strerror}); {_PACK}'
            ) from None
        return _environment(self.db_path, inode, os.getpid())


register_backend(BACKEND, ImageLmdbBackend, force=True)


def as_key(name: str) -> bytes:
    """Key of a file.

    Args:
        name: Path relative to the folder that was packed, with forward slashes.
    """
    return name.encode(errors='surrogatepass')


def import_lmdb():
    """Import the optional package.

    Raises:
        InputError: It is not installed.
    """
    try:
        import lmdb
    except ImportError:
        raise InputError('lmdb: the package is not installed; pip install lmdb') from None
    return lmdb


@cache
def _environment(path: str, inode: int, process: int) -> 'lmdb.Environment':
    """Open a file once per process, as LMDB demands; ``process`` tells a forked one from its parent."""
    lmdb = import_lmdb()
    try:
        environment = lmdb.open(path, subdir=False, readonly=True, lock=False, readahead=False)
        with environment.begin() as transaction:
            known = transaction.get(MARK) is not None
    except lmdb.Error as fault:
        raise InputError(f'{path}: image_lmdb: content: cannot be opened ({fault}); {_PACK}') from None
    if not known:
        environment.close()
        raise InputError(f'{path}: image_lmdb: content: was not packed from a data folder; {_PACK}')
    return environment
