"""What the header of an image file says, and Pillow's guard against small files of huge images."""

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

_LIMIT = threading.Lock()


def file_size(path: str | Path) -> tuple[int, int] | None:
    """Width and height by the header of an image file, before its EXIF rotation; None where it has none."""
    with pillow_limit(None):
        try:
            with Image.open(path) as image:
                return image.size
        except Exception:  # Pillow's parsers of broken headers fail in many ways; the decoder names the fault
            return None


@contextlib.contextmanager
def pillow_limit(pixels: int | None) -> Iterator[None]:
    """Let Pillow's guard pass ``pixels``; it refuses twice as many. Put back at the end."""
    with _LIMIT:
        before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, pixels
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before
