"""Bringing files to their place without touching the originals."""

import os
import shutil
from pathlib import Path
from typing import Literal

from ..schema import DataError, Fault

ImageMode = Literal['copy', 'symlink', 'hardlink']


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
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f'.{target.name}.part')
    part.unlink(missing_ok=True)
    if mode == 'copy':
        shutil.copy2(source, part)
    elif mode == 'symlink':
        part.symlink_to(source.resolve())
    else:
        try:
            os.link(source.resolve(), part)
        except OSError as fault:
            raise DataError(
                Fault(
                    str(source),
                    'file',
                    'hardlink',
                    f'cannot be made ({fault.strerror})',
                    'use --images copy or --images symlink',
                )
            ) from None
    os.replace(part, target)


def place_bytes(content: bytes, target: Path) -> None:
    """Write one file in one step; a file with the same content is left alone."""
    if target.is_file() and target.read_bytes() == content:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f'.{target.name}.part')
    part.write_bytes(content)
    os.replace(part, target)


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
    old, new = source.stat(), target.stat()
    return (old.st_size, old.st_mtime_ns) == (new.st_size, new.st_mtime_ns)
