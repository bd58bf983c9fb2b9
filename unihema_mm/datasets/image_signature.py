"""What tells whether two images show the same picture: bytes, perceptual hashes, details of a small copy."""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import cv2
import imagehash
import numpy as np
from PIL import Image

from .image_files import UnreadableImageError, decode_bytes

COARSE_BITS, FINE_BITS = 64, 256
_SIDE = 64
_DETAIL_SIGMA = 2.0
_LEAST_DETAIL = 0.5
_MAX_SHIFT = 4


@dataclass(frozen=True)
class ImageSignature:
    """What an image is compared by.

    Attributes:
        digest: SHA-256 of its file.
        coarse: Perceptual hash of :data:`COARSE_BITS` bits; ``None`` where the image can be compared by its
            bytes alone, as it has no details or cannot be decoded.
        fine: The same with :data:`FINE_BITS` bits, as bytes; empty where ``coarse`` is ``None``.
        fault: Why the image cannot be decoded.
    """

    digest: bytes
    coarse: int | None = None
    fine: bytes = b''
    fault: str | None = None


def sign_image(path: str | Path) -> ImageSignature:
    """Read an image file once and compute its signature.

    The hashes are the signs of low frequencies of the grey image (pHash) against their median, so brightness,
    contrast, size and compression hardly change them.

    Args:
        path: Path of the file.

    Raises:
        UnreadableImageError: The file cannot be opened.
    """
    content = _read(path)
    digest = sha256(content).digest()
    grey, fault = _small_grey(content)
    if grey is None:
        return ImageSignature(digest, fault=fault)
    if details(grey).std() < _LEAST_DETAIL:
        return ImageSignature(digest)
    image = Image.fromarray(grey)
    coarse = np.packbits(imagehash.phash(image, hash_size=8).hash)
    fine = np.packbits(imagehash.phash(image, hash_size=16).hash)
    return ImageSignature(digest, int.from_bytes(coarse.tobytes(), 'big'), fine.tobytes())


def read_small_grey(path: str | Path) -> np.ndarray:
    """Read an image as a small grey one.

    Args:
        path: Path of the file.

    Returns:
        Grey levels, uint8, of shape (64, 64).

    Raises:
        UnreadableImageError: The file is absent, truncated or not an image.
    """
    grey, fault = _small_grey(_read(path))
    if grey is None:
        raise UnreadableImageError(str(path), fault)
    return grey


def details(grey: np.ndarray) -> np.ndarray:
    """Keep what is finer than about 2 of the 64 pixels: a cell on plain ground correlates with any other one.

    Args:
        grey: Small grey image, of shape (64, 64).

    Returns:
        Details, float32, of the same shape.
    """
    grey = grey.astype(np.float32)
    return grey - cv2.GaussianBlur(grey, (0, 0), _DETAIL_SIGMA)


def correlate_details(first: np.ndarray, second: np.ndarray) -> float:
    """Correlate the details of two small grey images, shifted against each other by up to 4 of 64 pixels.

    Args:
        first: Grey levels, of shape (64, 64).
        second: Likewise.

    Returns:
        The highest correlation of all shifts, -1 to 1; the order of the images does not matter.
    """
    first, second = details(first), details(second)
    inner = slice(_MAX_SHIFT, -_MAX_SHIFT)
    return max(
        float(cv2.matchTemplate(image, np.ascontiguousarray(other[inner, inner]), cv2.TM_CCOEFF_NORMED).max())
        for image, other in ((first, second), (second, first))
    )


def _read(path: str | Path) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as fault:
        raise UnreadableImageError(str(path), f'cannot be read ({fault.strerror})') from None


def _small_grey(content: bytes) -> tuple[np.ndarray | None, str | None]:
    grey, fault = decode_bytes(content, cv2.IMREAD_GRAYSCALE)
    if grey is None:
        return None, fault
    return cv2.resize(grey, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA), None
