"""Pixels of an image, whatever it was given as."""

from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import tifffile
from PIL import Image, ImageOps

from unihema_mm.datasets.image_files import decode_bytes
from unihema_mm.utils.errors import InputError

from .tiff_pages import STARTS, check_pages

CHANNEL_ORDERS = ('rgb', 'bgr')
DEPTH_WARNING = '16 bits per channel were read as their upper 8'
# What fills fewer than these bits of 16 is almost black as 8 bits.
_LEAST_BRIGHT = 32


class DecodedImage(NamedTuple):
    """Pixels of an image.

    Attributes:
        pixels: BGR, uint8, (height, width, 3), after the EXIF orientation was applied.
        warnings: What the reader of the result should know.
    """

    pixels: np.ndarray
    warnings: tuple[str, ...] = ()


def decode_file(path: str | Path) -> DecodedImage:
    """Decode an image file as the data sets do.

    Raises:
        InputError: It is absent, truncated, no image, or has no 8 bits to show.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as fault:
        raise InputError(f'{path}: image: cannot be read ({fault.strerror})') from None
    return decode_content(content, str(path))


def decode_content(content: bytes, name: str) -> DecodedImage:
    """Decode the bytes of an image file.

    Args:
        content: The bytes.
        name: Name of the image, for messages.

    Raises:
        InputError: See :func:`decode_file`.
    """
    warnings = _check_tiff(content, name)
    pixels, reason = decode_bytes(content, cv2.IMREAD_COLOR)
    if pixels is None:
        raise InputError(f'{name}: image: {reason}; give a whole image file')
    if _has_16_bits(content):
        warnings += check_16_bits(int(pixels.max()), name)
    return DecodedImage(pixels, warnings)


def decode_pil(image: Image.Image, name: str) -> DecodedImage:
    """Pixels of a PIL image; an alpha channel is dropped, as OpenCV does.

    Raises:
        InputError: It cannot be decoded, or has no 8 bits to show.
    """
    try:
        image = ImageOps.exif_transpose(image)
        if image.mode.startswith(('I', 'F')):
            return decode_array(np.asarray(image), name)
        return decode_array(np.asarray(image.convert('RGB')), name)
    except (OSError, ValueError, SyntaxError) as fault:
        if isinstance(fault, InputError):
            raise
        raise InputError(f'{name}: image: cannot be decoded ({fault}); give a whole image') from None


def decode_array(pixels: np.ndarray, name: str, channel_order: str = 'rgb') -> DecodedImage:
    """Pixels of an array.

    Args:
        pixels: (height, width) or (height, width, 1) grey, (height, width, 3) colours, or (height, width, 4)
            with alpha, which is dropped; uint8, or uint16 of which the upper 8 bits are taken.
        name: Name of the image, for messages.
        channel_order: 'rgb' or 'bgr'.

    Raises:
        InputError: It has another shape or type, or no pixels.
    """
    warnings: tuple[str, ...] = ()
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 3, 4) or not pixels.size:
        raise InputError(
            f'{name}: array: has shape {pixels.shape[: pixels.ndim]}; give (height, width) or '
            '(height, width, 3), with at least one pixel'
        )
    if pixels.dtype in (np.uint16, np.int32) and pixels.min() >= 0 and pixels.max() < 2**16:
        pixels = (pixels >> 8).astype(np.uint8)
        warnings = check_16_bits(int(pixels.max()), name)
    if pixels.dtype != np.uint8:
        raise InputError(f'{name}: array: is {pixels.dtype}; give uint8, 0 to 255')
    if pixels.shape[2] == 1:
        pixels = np.repeat(pixels, 3, axis=2)
    else:
        pixels = pixels[..., :3]
        pixels = pixels[..., ::-1] if channel_order == 'rgb' else pixels
    return DecodedImage(np.ascontiguousarray(pixels), warnings)


def _has_16_bits(content: bytes) -> bool:
    """Whether a PNG or TIFF says so in its first bytes; other formats of 16 bits are not read."""
    if content.startswith(b'\x89PNG'):
        return content[24:25] == b'\x10'
    if not content.startswith((b'II*\x00', b'MM\x00*')):
        return False
    pixels, _ = decode_bytes(content, cv2.IMREAD_UNCHANGED)
    return pixels is not None and pixels.dtype != np.uint8


def _check_tiff(content: bytes, name: str) -> tuple[str, ...]:
    if not content.startswith(STARTS):
        return ()
    try:
        with tifffile.TiffFile(BytesIO(content)) as tif:
            return check_pages(tif, name)
    except InputError:
        raise
    except Exception:  # a broken TIFF fails in many ways; what decodes it tells what is wrong
        return ()


def check_16_bits(brightest: int, name: str) -> tuple[str, ...]:
    """Check that an image of 16 bits can be shown with the upper 8 of them.

    Args:
        brightest: Highest level of its upper 8 bits.
        name: Name of the image.

    Returns:
        What the reader of the result should know.

    Raises:
        InputError: It would be nearly black.
    """
    if brightest < _LEAST_BRIGHT:
        raise InputError(
            f'{name}: image: has 16 bits per channel, but no level above {brightest * 256 + 255} of 65535; '
            'scale it to 8 bits'
        )
    return (DEPTH_WARNING,)
