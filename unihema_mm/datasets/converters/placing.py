"""Bringing files to their place without touching the originals."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EACCES, EDQUOT, ENOSPC, EPERM, EROFS
from hashlib import sha256
from pathlib import Path
from typing import Literal

from unihema_mm.utils.errors import InputError

from ..schema import DataError, Fault

ImageMode = Literal['copy', 'symlink', 'hardlink']
_LONGEST_NAME = 240
_PART = '.part'
_MENDS = {
    **dict.fromkeys((ENOSPC, EDQUOT), 'make room on the disk; the same command continues'),
    **dict.fromkeys((EACCES, EPERM, EROFS), 'choose an --out folder that can be written'),
}


def place_image(source: Path, target: Path, mode: ImageMode) -> None:
    """Copy or link one file in one step; a file that is already in place is left alone.

    Args:
        source: The original file.
        target: The new path.
        mode: ``'copy'`` keeps bytes and time stamp; ``'symlink'`` points to the absolute path;
            ``'hardlink'`` needs the same file system.

    Raises:
        DataError: A hard link is not possible.
    """
    if _in_place(source, target, mode):
        return
    with _in_one_step(target) as part:
        if mode == 'copy':
            shutil.copy2(source, part)
        elif mode == 'symlink':
            part.symlink_to(source.resolve())
        else:
            _link(source, part)


def place_bytes(content: bytes, target: Path) -> None:
    """Write one file in one step; a file with the same content is left alone."""
    if target.is_file() and not target.is_symlink() and target.read_bytes() == content:
        return
    with _in_one_step(target) as part:
        part.write_bytes(content)


def remove_parts(folder: Path) -> None:
    """Remove the files that a killed process had not brought to their place."""
    for path in folder.rglob(f'.*{_PART}'):
        path.unlink(missing_ok=True)


@contextmanager
def disk_errors() -> Iterator[None]:
    """Tell a full disk, a folder that cannot be written and the like in one line.

    Raises:
        DataError: In place of an :class:`OSError`.
    """
    try:
        yield
    except InputError:
        raise
    except OSError as fault:
        file = fault.filename2 or fault.filename or 'disk'
        mend = _MENDS.get(fault.errno, 'check the disk; the same command continues')
        what = f'cannot be read or written ({fault.strerror or fault})'
        raise DataError(Fault(os.fsdecode(file), 'file', 'path', what, mend)) from fault


@contextmanager
def _in_one_step(target: Path) -> Iterator[Path]:
    """Give the path of a file that takes the place of the target at the end, or goes with an error."""
    target.parent.mkdir(parents=True, exist_ok=True)
    name = target.name
    if len(os.fsencode(name)) > _LONGEST_NAME:
        name = sha256(os.fsencode(name)).hexdigest()
    part = target.with_name(f'.{name}{_PART}')
    part.unlink(missing_ok=True)
    try:
        yield part
        os.replace(part, target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _link(source: Path, part: Path) -> None:
    try:
        os.link(source.resolve(), part)
    except OSError as fault:
        mend = 'use --images copy or --images symlink'
        what = f'cannot be made ({fault.strerror})'
        raise DataError(Fault(str(source), 'file', 'hardlink', what, mend)) from None


def _in_place(source: Path, target: Path, mode: ImageMode) -> bool:
    if not os.path.lexists(target):
        return False
    if mode == 'symlink':
        return target.is_symlink() and target.resolve() == source.resolve()
    if target.is_symlink():
        return False
    same = os.path.samefile(source, target)
    if mode == 'hardlink' or same:
        return mode == 'hardlink' and same
    # Size and time stamp are not enough: raw images of an archive may share both.
    return (
        source.stat().st_mtime_ns == target.stat().st_mtime_ns and source.read_bytes() == target.read_bytes()
    )
