"""Windows of large images, read without holding more of the image than its format needs."""

import contextlib
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import numpy as np
import tifffile

from unihema_mm.datasets.image_files import UnreadableImageError, image_format
from unihema_mm.utils.errors import InputError

from .decoding import DEPTH_WARNING, check_16_bits, decode_content
from .header import file_size, pillow_limit
from .tiff_pages import STARTS, check_pages

MAX_PIXELS = 500_000_000
# Decoded tiles and strips of a compressed TIFF that are kept; a row of windows needs those of its rows.
_CACHE_BYTES = 256 * 2**20


class ImageRegions(Protocol):
    """An image of which windows can be read.

    Attributes:
        width: Pixels.
        height: Pixels.
        warnings: What the reader of the result should know.
    """

    width: int
    height: int
    warnings: tuple[str, ...]

    def read(self, x1: int, y1: int, x2: int, y2: int) -> np.ndarray:
        """Window inside the image: RGB, uint8, (y2 - y1, x2 - x1, 3)."""
        ...

    def check_levels(self) -> None:
        """Check what was read of an image of 16 bits.

        Raises:
            InputError: It was nearly black, as 8 bits.
        """
        ...

    def close(self) -> None:
        """Let go of the file and the pixels."""
        ...


class _Levels:
    """Levels of the windows that were read of an image of 16 bits."""

    def __init__(self, dtype: np.dtype, name: str) -> None:
        self._name = name
        self._brightest: int | None = None
        self._is_deep = _is_deep(dtype)
        self.warnings = (DEPTH_WARNING,) if self._is_deep else ()

    def of(self, window: np.ndarray) -> np.ndarray:
        """The window, whose brightest level is remembered."""
        if self._is_deep and window.size:
            self._brightest = max(self._brightest or 0, int(window.max()))
        return window

    def check(self) -> None:
        if self._brightest is not None:
            check_16_bits(self._brightest, self._name)


class ArrayRegions:
    """Windows of pixels in memory, or of a memory-mapped file.

    Args:
        pixels: uint8 or uint16, (height, width) or (height, width, 3 or 4); an alpha channel is left out.
        bgr: Whether the first channel is blue instead of red.
        warnings: What is known about them.
        name: Name of the image, for messages.
    """

    def __init__(
        self, pixels: np.ndarray, bgr: bool = False, warnings: tuple[str, ...] = (), name: str = 'array'
    ) -> None:
        self.height, self.width = pixels.shape[:2]
        self._levels = _Levels(pixels.dtype, name)
        self.warnings = warnings + self._levels.warnings
        self._pixels = pixels
        self._bgr = bgr

    def read(self, x1: int, y1: int, x2: int, y2: int) -> np.ndarray:
        """See :class:`ImageRegions`."""
        window = self._levels.of(_as_rgb(self._pixels[y1:y2, x1:x2]))
        return np.ascontiguousarray(window[..., ::-1]) if self._bgr else window

    def check_levels(self) -> None:
        """See :class:`ImageRegions`."""
        self._levels.check()

    def close(self) -> None:
        """See :class:`ImageRegions`."""
        self._pixels = None


class SegmentRegions:
    """Windows of a tiled or stripped TIFF: the segments under a window are decoded, the last ones are kept.

    Args:
        tif: The open file. Closed by :meth:`close`.
        page: Page of the image.
        warnings: What is known about it.
    """

    def __init__(
        self, tif: tifffile.TiffFile, page: tifffile.TiffPage, warnings: tuple[str, ...] = ()
    ) -> None:
        self.height, self.width = page.shape[:2]
        self._levels = _Levels(page.dtype, tif.filehandle.path)
        self.warnings = warnings + self._levels.warnings
        self._tif, self._page = tif, page
        striped = (min(page.rowsperstrip, self.height), self.width)
        self._segment = (page.tilelength, page.tilewidth) if page.is_tiled else striped
        self._across = -(-self.width // self._segment[1])
        self._kept: OrderedDict[int, np.ndarray] = OrderedDict()
        self._bytes = 0

    def read(self, x1: int, y1: int, x2: int, y2: int) -> np.ndarray:
        """See :class:`ImageRegions`."""
        rows, columns = self._segment
        window = np.zeros((y2 - y1, x2 - x1, *self._page.shape[2:]), self._page.dtype)
        for row in range(y1 // rows, -(-y2 // rows)):
            for column in range(x1 // columns, -(-x2 // columns)):
                pixels = self._decoded(row * self._across + column)
                if pixels is None:
                    continue
                top, left = row * rows, column * columns
                part = pixels[max(y1 - top, 0) : y2 - top, max(x1 - left, 0) : x2 - left]
                y, x = max(top - y1, 0), max(left - x1, 0)
                target = window[y : y + part.shape[0], x : x + part.shape[1]]
                target[...] = part.reshape(target.shape)
        return self._levels.of(_as_rgb(window))

    def check_levels(self) -> None:
        """See :class:`ImageRegions`."""
        self._levels.check()

    def close(self) -> None:
        """See :class:`ImageRegions`."""
        self._kept.clear()
        self._tif.close()

    def _decoded(self, index: int) -> np.ndarray | None:
        if index in self._kept:
            self._kept.move_to_end(index)
            return self._kept[index]
        file = self._tif.filehandle
        try:
            file.seek(self._page.dataoffsets[index])
            content = file.read(self._page.databytecounts[index]) or None
            pixels = self._page.decode(content, index)[0]
        except Exception as fault:  # zlib's, lzma's and numpy's errors have no base but this
            raise UnreadableImageError(file.path, f'cannot be decoded ({fault})') from None
        if pixels is not None:
            pixels = pixels[0]
            self._kept[index] = pixels
            self._bytes += pixels.nbytes
            while self._bytes > _CACHE_BYTES and len(self._kept) > 1:
                self._bytes -= self._kept.popitem(last=False)[1].nbytes
        return pixels


def _is_deep(dtype: np.dtype) -> bool:
    return dtype.kind == 'u' and dtype.itemsize == 2  # in either byte order


def _as_rgb(window: np.ndarray) -> np.ndarray:
    if window.ndim == 2:
        window = window[..., None]
    if _is_deep(window.dtype):
        window = (window >> 8).astype(np.uint8)
    if window.dtype != np.uint8 or window.shape[2] not in (1, 3, 4):
        raise InputError(
            f'image: has {window.shape[2]} channels of {window.dtype}; give grey, RGB or RGBA of 8 or 16 bits'
        )
    if window.shape[2] == 1:
        return np.repeat(window, 3, axis=2)
    return np.ascontiguousarray(window[..., :3])


@contextlib.contextmanager
def open_regions(path: str | Path, max_pixels: int = MAX_PIXELS) -> Iterator[ImageRegions]:
    """Open an image file to read windows of it.

    What it takes of memory: an uncompressed TIFF is memory-mapped; of a tiled or stripped TIFF with Deflate,
    LZMA or PackBits at most 256 MiB of decoded segments are kept, or one where it is larger; any other format
    is decoded as a whole, 3 bytes per pixel (300 MB for 100 megapixels), and takes twice that and the file's
    bytes while it is decoded. The pixels are those of :func:`~unihema_mm.apis.decoding.decode_file`.

    Args:
        path: The file.
        max_pixels: Largest width times height; told from the header, before anything is decoded.

    Raises:
        UnreadableImageError: The file is absent, truncated or not an image.
        InputError: It has more pixels than ``max_pixels``, or several planes, or pages of which the first is
            not the image.
    """
    regions = _open_tiff(Path(path), max_pixels) or _decode_whole(Path(path), max_pixels)
    try:
        yield regions
    finally:
        regions.close()


def check_pixels(path: str | Path, width: int, height: int, max_pixels: int) -> None:
    """Refuse an image of more than ``max_pixels``.

    Raises:
        InputError: It has more.
    """
    if width * height > max_pixels:
        raise InputError(
            f'{path}: image: {width} x {height} pixels are above the limit of {max_pixels / 1e6:g} '
            'megapixels; cut it into parts'
        )


def _open_tiff(path: Path, max_pixels: int) -> ImageRegions | None:
    """Regions of a TIFF that can be read by windows, else None."""
    try:
        with path.open('rb') as file:
            start = file.read(16)
    except OSError as fault:
        raise UnreadableImageError(str(path), f'cannot be read ({fault.strerror})') from None
    if image_format(start) != 'tiff' and not start.startswith(STARTS):
        return None
    try:
        tif = tifffile.TiffFile(path)
        page, _ = tif.pages[0], tif.series[0]
    except Exception as fault:  # a broken TIFF fails in many ways
        raise UnreadableImageError(str(path), f'is not a whole TIFF file ({fault})') from None
    try:
        check_pixels(path, page.imagewidth, page.imagelength, max_pixels)
        return _by_windows(tif, page, check_pages(tif, str(path)))
    except InputError:
        tif.close()
        raise
    except Exception as fault:  # another page, or a tag, is broken
        tif.close()
        raise UnreadableImageError(str(path), f'is not a whole TIFF file ({fault})') from None


def _by_windows(
    tif: tifffile.TiffFile, page: tifffile.TiffPage, warnings: tuple[str, ...]
) -> ImageRegions | None:
    orientation = page.tags.get('Orientation')
    plain = (
        page.axes in ('YX', 'YXS')
        and page.photometric in (tifffile.PHOTOMETRIC.MINISBLACK, tifffile.PHOTOMETRIC.RGB)
        and page.dtype in (np.uint8, np.uint16)
        and page.samplesperpixel in (1, 3, 4)
        and (orientation is None or orientation.value == 1)
    )
    if plain and page.is_memmappable:
        try:
            pixels = page.asarray(out='memmap')
        except ValueError:  # shorter than its header says
            raise UnreadableImageError(tif.filehandle.path, 'is truncated') from None
        path = tif.filehandle.path
        tif.close()
        return ArrayRegions(pixels, warnings=warnings, name=path)
    if plain and page.compression in tifffile.TIFF.DECOMPRESSORS:
        return SegmentRegions(tif, page, warnings)
    tif.close()
    return None


def _decode_whole(path: Path, max_pixels: int) -> ImageRegions:
    try:
        content = path.read_bytes()
    except OSError as fault:
        raise UnreadableImageError(str(path), f'cannot be read ({fault.strerror})') from None
    size = file_size(path)
    if size:
        check_pixels(path, *size, max_pixels)
    with pillow_limit(max_pixels):
        decoded = decode_content(content, str(path))
    return ArrayRegions(decoded.pixels, bgr=True, warnings=decoded.warnings)
