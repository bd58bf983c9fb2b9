"""Check of uploaded files before anything in them is decoded."""

import io
import shutil
import unicodedata
import warnings
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from unihema_mm.datasets.image_files import image_format
from unihema_mm.utils.errors import InputError

from .options import PageOptions

_FORMATS = ('JPEG', 'PNG', 'BMP', 'TIFF', 'WEBP')
_LONGEST_NAME = 80


def check_upload(path: Path, name: str, options: PageOptions) -> None:
    """Refuse a file that is no picture, or too large to be decoded here.

    Args:
        path: The file.
        name: Its name, for messages.
        options: The limits.

    Raises:
        InputError: What is wrong with it, in one line.
    """
    try:
        size = path.stat().st_size
    except OSError:
        raise InputError(f'{name}: is no longer there; upload it again') from None
    if not size:
        raise InputError(f'{name}: is empty; upload the picture again')
    if size > options.max_file_mb * 1e6:
        raise InputError(
            f'{name}: has {size / 1e6:.1f} MB, this page takes {options.max_file_mb:g} MB; '
            'use the command line'
        )
    with path.open('rb') as file:
        head = file.read(32)
    if image_format(head) is None:
        raise InputError(f'{name}: is not a picture; upload JPEG, PNG, BMP, TIFF or WebP')
    width, height = _header_size(path, name, options)
    if width * height > options.max_megapixels * 1e6:
        raise _too_large(name, f'{width:,} x {height:,} pixels', options)


def _header_size(path: Path, name: str, options: PageOptions) -> tuple[int, int]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # of Pillow, about sizes and broken tags
            with Image.open(io.BytesIO(path.read_bytes()), formats=_FORMATS) as image:
                return image.size
    except Image.DecompressionBombError:
        raise _too_large(
            name, f'more than {2 * Image.MAX_IMAGE_PIXELS / 1e6:.0f} megapixels', options
        ) from None
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as fault:
        raise InputError(
            f'{name}: has a broken header ({_one_line(fault)}); upload the picture again'
        ) from None


def _too_large(name: str, what: str, options: PageOptions) -> InputError:
    return InputError(
        f'{name}: has {what}, this page takes {options.max_megapixels:g} megapixels; use the command line'
    )


def _one_line(fault: Exception) -> str:
    text = ' '.join(str(fault).split())
    return 'unknown format' if isinstance(fault, UnidentifiedImageError) else text[:120]


def safe_name(name: str) -> str:
    """Name that any file system can hold: no folders, no control characters, not too long."""
    name = Path(unicodedata.normalize('NFC', name).replace('\\', '/')).name
    name = ''.join(char if char.isalnum() or char in ' ._-()+' else '_' for char in name).strip(' .')
    stem, suffix = Path(name).stem[:_LONGEST_NAME], Path(name).suffix[:10]
    return f'{stem}{suffix}' or 'picture'


def keep_copy(path: Path, name: str, folder: Path) -> tuple[str, Path]:
    """Copy a file into a folder under a name that is free there.

    Args:
        path: The file.
        name: Wanted name, see :func:`safe_name`.
        folder: Where to.

    Returns:
        The name, and the path of the copy.
    """
    wanted = Path(name)
    number, target = 1, folder / wanted
    while target.exists():
        number += 1
        target = folder / f'{wanted.stem}_{number}{wanted.suffix}'
    shutil.copyfile(path, target)
    return target.name, target
