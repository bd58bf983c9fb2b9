"""The parts that the grey levels or colours of a mask image stand for."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..image_files import UnreadableImageError, decode_colour_mask, decode_mask
from ..schema import DataError, Fault
from .source import Note

_SHIFTS = np.array([16, 8, 0])


class MaskLevels:
    """Tells the part that each pixel of a mask image belongs to.

    Args:
        levels: Every grey level that a mask may hold, or part -> its colour ``[red, green, blue]``.
        quantise: Whether a level or colour that is not listed becomes the nearest listed one, the lower level
            or the colour that is listed first of two; else it is an error.

    Raises:
        DataError: The levels are neither.
    """

    def __init__(self, levels: Sequence[int] | dict[str, Sequence[int]], quantise: bool = False) -> None:
        self.has_colours = isinstance(levels, dict)
        codes = list(levels.values()) if self.has_colours else [[level] for level in _as_list(levels)]
        channels = 3 if self.has_colours else 1
        distinct = {tuple(code) for code in codes if isinstance(code, list) and _is_code(code, channels)}
        if not codes or len(distinct) < len(codes):
            mend = 'list the grey levels, 0 to 255, or write part: [red, green, blue], each once'
            raise DataError(Fault('entry', 'parameters', 'levels', f'is {levels!r}', mend))
        self.names = list(levels) if self.has_colours else sorted(levels)
        self.quantise = quantise
        self._codes = np.array(codes if self.has_colours else sorted(codes))

    def indices(self, names: Sequence[int | str], parameter: str, key: str) -> list[int]:
        """Return the numbers of some parts.

        Args:
            names: Grey levels, or names of colours.
            parameter: The parameter that names them, for messages.
            key: Its key, for messages.

        Raises:
            DataError: One of them is not among the levels.
        """
        if not isinstance(names, list) or not all(name in self.names for name in names):
            what = f'{key!r} has {names!r}, not a list of {self.names}'
            mend = 'list every level or colour of the masks in levels'
            raise DataError(Fault('entry', 'parameters', parameter, what, mend))
        return [self.names.index(name) for name in names]

    def read(self, source: Path, name: str) -> tuple[np.ndarray, Note | None]:
        """Read a mask image.

        Args:
            source: The source folder.
            name: Path of the mask image relative to it.

        Returns:
            The numbers of the parts, in the order of ``names``, of shape (height, width); and a note where
            pixels were quantised.

        Raises:
            DataError: It cannot be decoded, or has other levels or colours and ``quantise`` is off.
        """
        try:
            if self.has_colours:
                pixels = decode_colour_mask(source / name)
            else:
                pixels = decode_mask(source / name, three_channels=True)[..., None]
        except UnreadableImageError as fault:
            mend = f'make it an 8-bit image {"of colours" if self.has_colours else "of grey levels"}'
            raise DataError(Fault(name, 'file', 'mask', fault.reason, mend)) from None
        codes, where, counts = _distinct(pixels)
        distances = ((codes[:, None] - self._codes[None]) ** 2).sum(-1)
        parts = distances.argmin(1).astype(np.uint8)[where]
        unknown = (distances.min(1) > 0) & (counts > 0)
        if not unknown.any():
            return parts, None
        kind = 'colours' if self.has_colours else 'levels'
        if not self.quantise:
            listed = ', '.join(map(_text, codes[unknown][:10]))
            known = f'[{", ".join(map(_text, self._codes))}]'
            mend = 'add them to levels and targets, or set quantise'
            what = f'has {kind} {listed} that are not among {known}'
            raise DataError(Fault(name, 'file', 'levels', what, mend))
        count = int(counts[unknown].sum())
        return parts, Note('quantised_mask', f'{name}: {count} pixels of {unknown.sum()} other {kind}')


def _distinct(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """List the levels or colours of an image.

    Args:
        pixels: Of shape (height, width, channels), uint8.

    Returns:
        The codes, of shape (number, channels); the number of each pixel's code, of shape (height, width); and
        how many pixels each code has.
    """
    if pixels.shape[2] == 1:
        counts = np.bincount(pixels.ravel(), minlength=256)
        return np.arange(256)[:, None], pixels[..., 0], counts
    packed = (pixels.astype(np.int32) << _SHIFTS).sum(-1)
    found, where, counts = np.unique(packed, return_inverse=True, return_counts=True)
    return (found[:, None] >> _SHIFTS) & 255, where.reshape(packed.shape), counts


def _as_list(levels: object) -> list:
    return levels if isinstance(levels, list) else []


def _is_code(code: list, channels: int) -> bool:
    return len(code) == channels and all(type(value) is int and 0 <= value <= 255 for value in code)


def _text(code: np.ndarray) -> str:
    return str(code[0]) if len(code) == 1 else f'({", ".join(map(str, code))})'
