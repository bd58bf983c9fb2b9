"""What can be told about an image file from its bytes: format, completeness, size."""

import io
import os
import struct
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from unihema_mm.utils.errors import InputError

IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.tif', '.tiff', '.webp')
_EXIF_ORIENTATION = 0x0112
_MAGIC = (
    (b'\xff\xd8\xff', 'jpeg'),
    (b'\x89PNG\r\n\x1a\n', 'png'),
    (b'BM', 'bmp'),
    (b'II*\x00', 'tiff'),
    (b'MM\x00*', 'tiff'),
)
_SUFFIXES = {
    'jpeg': ('.jpg', '.jpeg'),
    'png': ('.png',),
    'bmp': ('.bmp',),
    'tiff': ('.tif', '.tiff'),
    'webp': ('.webp',),
}


class UnreadableImageError(InputError):
    """An image file that cannot be decoded in full.

    Args:
        path: Path of the file.
        reason: Why, e.g. ``'is truncated'``. Without it ``path`` is a whole message: so
            torch's loader repeats an error of a worker process.
    """

    def __init__(self, path: str, reason: str | None = None) -> None:
        self.path = str(path)
        self.reason = reason
        super().__init__(path, reason)

    def __str__(self) -> str:
        if self.reason is None:
            return self.path
        return f'{self.path}: image: {self.reason}; copy the file again from its source, or remove its record'


def image_format(content: bytes) -> str | None:
    """Name the format of an image by its first bytes, ``None`` where it is not known."""
    if content[:4] == b'RIFF' and content[8:12] == b'WEBP':
        return 'webp'
    return next((name for magic, name in _MAGIC if content.startswith(magic)), None)


def proper_suffix(name: str, content: bytes) -> str:
    """Return the suffix an image should have: its own where it fits the content, else the usual one."""
    suffix = PurePosixPath(name).suffix
    suffixes = _SUFFIXES.get(image_format(content) or '', (suffix.lower(),))
    return suffix if suffix.lower() in suffixes else suffixes[0]


def fault_of_image(content: bytes) -> str | None:
    """Say why image bytes are not a whole image, without decoding whole ones.

    A decoder such as OpenCV fills the missing part of a truncated file with grey and says nothing.
    The end mark of the format is looked up; only where it is absent the file is decoded strictly.

    Args:
        content: The bytes of the file.

    Returns:
        The reason, e.g. ``'is truncated'``, or ``None`` for a whole image.
    """
    if not content:
        return 'is empty'
    kind = image_format(content)
    if kind == 'jpeg' and b'\xff\xd9' in content[-64:]:
        return _fault_of_header(content)
    if kind == 'png' and b'IEND' in content[-64:]:
        return _fault_of_header(content)
    if kind == 'bmp' and len(content) >= 6 and 0 < struct.unpack('<I', content[2:6])[0] <= len(content):
        return _fault_of_header(content)
    try:
        with Image.open(io.BytesIO(content)) as image:
            image.load()
    except UnidentifiedImageError:
        return 'is not an image file, or its header is broken'
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as fault:
        return 'is truncated' if 'truncated' in str(fault).lower() else f'cannot be decoded ({fault})'
    return None


def image_size(content: bytes) -> tuple[int, int]:
    """Return width and height of an image as loaders show it, i.e. after its EXIF rotation.

    Only the header is parsed, unless the image is rotated.

    Args:
        content: The bytes of the file.

    Raises:
        ValueError: The header cannot be parsed.
    """
    try:
        with Image.open(io.BytesIO(content)) as image:
            width, height = image.size
            rotated = _is_rotated(image)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as fault:
        raise ValueError(f'has no readable image header ({fault})') from None
    if rotated:
        pixels = _decode(content, cv2.IMREAD_COLOR)
        if pixels is None:
            raise ValueError('cannot be decoded')
        height, width = pixels.shape[:2]
    return width, height


def _is_rotated(image: Image.Image) -> bool:
    try:
        orientation = image.getexif().get(_EXIF_ORIENTATION, 1)
    except Exception:
        # Pillow's parser of broken EXIF data fails in many ways; OpenCV ignores such data.
        return False
    return isinstance(orientation, int) and orientation >= 5


def decode_image(path: str | Path) -> np.ndarray:
    """Decode a whole image file.

    Args:
        path: Path of the file.

    Returns:
        The image, BGR, uint8, of shape (height, width, 3).

    Raises:
        UnreadableImageError: The file is absent, truncated or not an image.
    """
    return _decode_file(path, cv2.IMREAD_COLOR)


def decode_mask(path: str | Path, *, three_channels: bool = False) -> np.ndarray:
    """Decode a whole grey image with its levels as they are.

    Args:
        path: Path of the file.
        three_channels: Whether to accept a file with three channels where every pixel is grey.

    Returns:
        The levels, uint8, of shape (height, width).

    Raises:
        UnreadableImageError: The file is absent, truncated or not an image, has more than one channel, or
            another depth than 8 bits.
    """
    pixels = _decode_levels(path)
    if pixels.ndim == 2:
        return pixels
    if pixels.shape[2] != 3 or not three_channels:
        raise UnreadableImageError(str(path), f'has {pixels.shape[2]} channels, not 1')
    if (pixels != pixels[..., :1]).any():
        raise UnreadableImageError(str(path), 'has colours')
    return np.ascontiguousarray(pixels[..., 0])


def decode_colour_mask(path: str | Path) -> np.ndarray:
    """Decode a whole image with its colours as they are; a grey one has colours of three equal values.

    Args:
        path: Path of the file.

    Returns:
        The colours, RGB, uint8, of shape (height, width, 3).

    Raises:
        UnreadableImageError: The file is absent, truncated or not an image, has an alpha channel, or another
            depth than 8 bits.
    """
    pixels = _decode_levels(path)
    if pixels.ndim == 2:
        return np.repeat(pixels[..., None], 3, axis=2)
    if pixels.shape[2] != 3:
        raise UnreadableImageError(str(path), f'has {pixels.shape[2]} channels, not 3')
    return pixels[..., ::-1]


def _decode_levels(path: str | Path) -> np.ndarray:
    pixels = _decode_file(path, cv2.IMREAD_UNCHANGED)
    if pixels.dtype != np.uint8:
        raise UnreadableImageError(str(path), f'has {pixels.dtype} levels, not 8 bits')
    return pixels


def _decode_file(path: str | Path, flags: int) -> np.ndarray:
    try:
        content = Path(path).read_bytes()
    except OSError as fault:
        raise UnreadableImageError(str(path), f'cannot be read ({fault.strerror})') from None
    image, reason = decode_bytes(content, flags)
    if image is None:
        raise UnreadableImageError(str(path), reason)
    return image


def decode_bytes(content: bytes, flags: int) -> tuple[np.ndarray | None, str | None]:
    """Decode the bytes of a whole image file.

    Args:
        content: The bytes.
        flags: Those of ``cv2.imdecode``.

    Returns:
        The pixels, or ``None`` and the reason, e.g. ``'is truncated'``.
    """
    reason = fault_of_image(content)
    image = None if reason else _decode(content, flags)
    return image, (reason or 'cannot be decoded') if image is None else None


def _fault_of_header(content: bytes) -> str | None:
    """Say why not to decode a file that fills the memory: some bytes can claim to be a huge image."""
    try:
        with Image.open(io.BytesIO(content)):
            return None
    except Image.DecompressionBombError as fault:
        return f'is too large ({fault})'
    except (OSError, SyntaxError, ValueError) as fault:
        return f'has no readable image header ({fault})'


def _decode(content: bytes, flags: int) -> np.ndarray | None:
    try:
        return cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    except cv2.error:
        return None


def missing_files(root: str | Path, names: Iterable[str]) -> list[str]:
    """Find the files that are not there, listing each folder once instead of asking for each file.

    A symbolic link whose target is gone counts as missing.

    Args:
        root: Folder that the names are relative to.
        names: Relative paths with forward slashes.

    Returns:
        The names without a file, in the given order.
    """
    names = list(names)
    folders = defaultdict(set)
    for folder in {os.path.dirname(name) for name in names}:
        try:
            with os.scandir(os.path.join(root, folder)) as entries:
                folders[folder] = {entry.name for entry in entries if entry.is_file()}
        except (FileNotFoundError, NotADirectoryError):
            continue
    return [name for name in names if os.path.basename(name) not in folders[os.path.dirname(name)]]
