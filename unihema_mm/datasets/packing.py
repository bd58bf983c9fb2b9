"""Packing of the image files of a data folder into one LMDB file."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from unihema_mm.utils.atomic import TEMPORARY_SUFFIX
from unihema_mm.utils.errors import InputError
from unihema_mm.utils.folder_lock import folder_lock

from .image_files import missing_files
from .image_lmdb import MARK, as_key, import_lmdb
from .schema import DataError, Fault, read_document, shorten
from .validation.folder import mask_files
from .validation.structure import check_structure

if TYPE_CHECKING:
    import lmdb

LMDB_NAME = 'images.lmdb'
_PAGE = 4096
_FILES_PER_COMMIT = 1000


@dataclass(frozen=True)
class PackSummary:
    """What was packed.

    Attributes:
        path: The LMDB file.
        files: Number of image and mask files in it.
        bytes: Their bytes together.
    """

    path: Path
    files: int
    bytes: int


def pack_images(root: str | Path, out: str | Path | None = None, *, progress: bool = False) -> PackSummary:
    """Pack the images and masks that the annotation files of a data folder name, byte by byte.

    The key of a file is its path relative to the folder. The LMDB file appears when it is whole; of an
    interrupted run nothing stays, of a killed one a temporary file that the next run replaces.

    Args:
        root: Data folder with ``annotations/*.json``.
        out: LMDB file to write, by default ``images.lmdb`` in the data folder; replaced where it exists.
        progress: Whether to show a progress bar (never where the output is not a terminal).

    Returns:
        What was packed.

    Raises:
        InputError: ``lmdb`` is not installed, an annotation file or image is missing or faulty, or a path is
            too long for a key.
    """
    import_lmdb()
    root = Path(root)
    out = root / LMDB_NAME if out is None else Path(out)
    if out.is_dir():
        raise InputError(f'{out}: out: is a folder; name the file to write, such as {out / LMDB_NAME}')
    names = _file_names(root)
    with folder_lock(out.parent):
        temporary = out.parent / f'.{out.name}{TEMPORARY_SUFFIX}'
        temporary.unlink(missing_ok=True)
        try:
            size = _write(temporary, root, names, progress)
            os.replace(temporary, out)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    return PackSummary(out, len(names), size)


def _file_names(root: Path) -> list[str]:
    """Image and mask files of all annotation files, in the order of their keys."""
    files = sorted((root / 'annotations').glob('*.json'))
    if not files:
        mend = 'name a data folder, such as tools/prepare_data.py convert makes'
        raise DataError(Fault(str(root), 'folder', 'annotations', 'holds no .json file', mend))
    names: set[str] = set()
    for file in files:
        document = read_document(str(file))
        faults = check_structure(document, str(file))
        if faults:
            raise DataError(faults)
        for image in document['images']:
            names.add(image['file_name'])
            names.update(path for _, path in mask_files(image))
    ordered = sorted(names, key=as_key)
    missing = missing_files(root, ordered)
    if missing:
        what = f'{len(missing)} of {len(ordered)} image files do not exist: {shorten(missing)}'
        raise DataError(Fault(str(root), 'images', 'file_name', what, 'copy the images again'))
    return ordered


def _write(path: Path, root: Path, names: Sequence[str], progress: bool) -> int:
    lmdb = import_lmdb()
    # Every value fills whole pages; the rest is for the keys. Only what is used is written.
    room = sum((root / name).stat().st_size + 4 * _PAGE for name in names)
    options = {'subdir': False, 'lock': False, 'sync': False, 'mode': 0o666}
    size = 0
    bar = {'desc': 'packing', 'unit': 'img', 'disable': None if progress else True}
    try:
        with lmdb.open(str(path), map_size=room + 256 * _PAGE, **options) as environment:
            with tqdm(total=len(names), **bar) as shown:
                for start in range(0, len(names), _FILES_PER_COMMIT):
                    with environment.begin(write=True) as transaction:
                        for name in names[start : start + _FILES_PER_COMMIT]:
                            size += _put(transaction, root, name, environment.max_key_size())
                            shown.update()
            with environment.begin(write=True) as transaction:
                transaction.put(MARK, json.dumps({'version': 1, 'files': len(names), 'bytes': size}).encode())
            environment.sync(True)
    except lmdb.Error as fault:
        raise InputError(
            f'{path}: image_lmdb: content: cannot be written ({fault}); free some space'
        ) from None
    return size


def _put(transaction: 'lmdb.Transaction', root: Path, name: str, longest: int) -> int:
    key = as_key(name)
    if len(key) > longest:
        raise InputError(f'{root / name}: image: path: is longer than {longest} bytes; shorten it')
    try:
        content = (root / name).read_bytes()
    except OSError as fault:
        raise InputError(f'{root / name}: image: cannot be read ({fault.strerror}); copy it again') from None
    transaction.put(key, content)
    return len(content)
