"""The images that a user names: files, folders, patterns, bytes, images and arrays."""

import glob
import os
import re
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from unihema_mm.datasets.image_files import IMAGE_SUFFIXES
from unihema_mm.utils.errors import InputError

from .decoding import CHANNEL_ORDERS, DecodedImage, decode_array, decode_content, decode_file, decode_pil
from .writers.predictions import written_folders

_WILD = re.compile(r'[*?\[]')


@dataclass(frozen=True)
class ImageSource:
    """One image that was not decoded yet.

    Attributes:
        name: Unique in a run: path below the given folder or before the first wildcard of a pattern, name of
            a single file, or ``image_<k>``; a repeated one gets a number before its suffix. Among several
            inputs, that of a folder or pattern begins with the name of the folder, so that it does not
            depend on what the other folders hold.
        path: File, None where there is none.
        decode: Gives its pixels; :class:`InputError` where it cannot.
    """

    name: str
    path: str | None
    decode: Callable[[], DecodedImage]


class ImageSources(Iterable[ImageSource]):
    """All images of a call, in order; pixels are decoded when they are asked for.

    Args:
        inputs: Path of a file; of a folder, whose images are taken with those of its subfolders in order of
            their paths, hidden ones and those that a run of predictions has written left out; a pattern with
            ``*``, ``?`` or ``**``; the bytes of an image file; a PIL image; an array, see
            :func:`~unihema_mm.apis.decoding.decode_array`; or any iterable of these.
        channel_order: Order of the colours of arrays, 'rgb' or 'bgr'.
        skip: Names that are left out, e.g. those of an earlier run.

    Raises:
        InputError: A file that is given alone, a folder or a pattern has no image. A missing file among
            several is a matter of its own.
    """

    def __init__(self, inputs: Any, channel_order: str = 'rgb', skip: Container[str] = ()) -> None:
        if channel_order not in CHANNEL_ORDERS:
            raise InputError(f'channel_order: is {channel_order!r}; give one of {", ".join(CHANNEL_ORDERS)}')
        self._channel_order = channel_order
        self._skip = skip
        if isinstance(inputs, str | os.PathLike):
            found = _files(inputs)
            if found is None:
                raise InputError(f'{inputs}: not found; give an image, a folder of images or a pattern')
            self._files: list[tuple[str, str]] | None = found.named()
        else:
            self._files = None
            self._inputs = [inputs] if _is_image(inputs) else inputs
            if not isinstance(self._inputs, Iterable):
                raise InputError(
                    f'inputs: a {type(inputs).__name__} is no image; give a path, bytes, a PIL image, an '
                    'array, or a list of these'
                )
            if isinstance(self._inputs, list | tuple) and not self._inputs:
                raise InputError('inputs: the list is empty; give at least one image')

    def __len__(self) -> int:
        """Number of images, of which some may be skipped.

        Raises:
            TypeError: They are not known yet: the inputs are a generator, or hold folders.
        """
        if self._files is not None:
            return len(self._files)
        if not isinstance(self._inputs, list | tuple):
            raise TypeError('the number of images is not known')
        for item in self._inputs:
            if isinstance(item, str | os.PathLike) and not os.path.isfile(item):
                raise TypeError('the number of images is not known')
        return len(self._inputs)

    def __iter__(self) -> Iterator[ImageSource]:
        """The images that are not skipped."""
        taken: dict[str, int] = {}
        for name, path, decode in self._named():
            name = _unique(name, taken)
            if name not in self._skip:
                yield ImageSource(name, path, decode)

    def _named(self) -> Iterator[tuple[str, str | None, Callable[[], DecodedImage]]]:
        if self._files is not None:
            yield from map(_of_file, self._files)
            return
        folders: dict[str, int] = {}
        for number, item in enumerate(self._inputs):
            if isinstance(item, str | os.PathLike):
                alone = (Path(item).name or str(item), str(item))
                try:
                    found = _files(item)
                except InputError as error:
                    yield *alone, _failing(str(error))
                    continue
                if found is None or found.folder is None:
                    yield _of_file(alone if found is None else found.named()[0])
                else:
                    yield from map(_of_file, found.named(_unique(found.folder, folders)))
            else:
                name = f'image_{number}'
                yield name, None, self._decoder(item, name)

    def _decoder(self, item: Any, name: str) -> Callable[[], DecodedImage]:
        if isinstance(item, bytes | bytearray | memoryview):
            return lambda: decode_content(bytes(item), name)
        if isinstance(item, Image.Image):
            return lambda: decode_pil(item, name)
        if isinstance(item, np.ndarray):
            return lambda: decode_array(item, name, self._channel_order)
        return _failing(
            f'{name}: a {type(item).__name__} is no image; give a path, bytes, a PIL image or an array'
        )


def _failing(message: str) -> Callable[[], DecodedImage]:
    def decode() -> DecodedImage:
        raise InputError(message)

    return decode


def _is_image(item: Any) -> bool:
    return isinstance(item, bytes | bytearray | memoryview | Image.Image | np.ndarray)


def _of_file(file: tuple[str, str]) -> tuple[str, str, Callable[[], DecodedImage]]:
    name, path = file
    return name, path, lambda: decode_file(path)


class _Found(NamedTuple):
    """Files that a path or pattern stands for.

    Attributes:
        base: Folder from which their names are told.
        files: They.
        folder: Name of ``base``, None for a single file.
    """

    base: Path
    files: list[Path]
    folder: str | None

    def named(self, before: str | None = None) -> list[tuple[str, str]]:
        """Name, below a folder ``before`` where one is given, and path of each."""
        start = PurePosixPath(before or '')
        return [
            ((start / file.relative_to(self.base).as_posix()).as_posix(), str(file)) for file in self.files
        ]


def _files(given: str | os.PathLike) -> _Found | None:
    """Files that a path or pattern stands for; None where there is nothing.

    Raises:
        InputError: A folder without images, or a pattern that fits none.
    """
    text = os.path.expanduser(os.fspath(given))
    path = Path(text)
    if path.is_dir():
        found = sorted(_images_below(path))
        if not found:
            raise InputError(
                f'{given}: holds no image ({", ".join(IMAGE_SUFFIXES)}); give a folder of images'
            )
        return _Found(path, found, _name_of(path))
    if path.exists():
        return _Found(path.parent, [path], None)
    if not _WILD.search(text):
        return None
    fixed = text[: _WILD.search(text).start()]
    base = Path(fixed if fixed.endswith('/') else os.path.dirname(fixed))
    fitting = (file for file in map(Path, glob.iglob(text, recursive=True)) if _is_image_file(file))
    written = cache(written_folders)
    found = sorted(
        file
        for file in fitting
        if not any(
            folder.name in written(folder.parent)
            for folder in file.parents
            if folder != base and folder.is_relative_to(base)
        )
    )
    if not found:
        raise InputError(f'{given}: fits no image ({", ".join(IMAGE_SUFFIXES)}); correct the pattern')
    return _Found(base, found, _name_of(base))


def _name_of(folder: Path) -> str:
    return Path(os.path.abspath(folder)).name or 'images'


def _images_below(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder, followlinks=False):
        written = written_folders(parent)
        folders[:] = [name for name in folders if not name.startswith('.') and name not in written]
        for name in files:
            path = Path(parent, name)
            if not name.startswith('.') and _is_image_file(path):
                yield path


def _is_image_file(path: Path) -> bool:
    return path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()


def _unique(name: str, taken: dict[str, int]) -> str:
    """The name, or one with a number; ``taken`` holds how often each was asked for."""
    path, candidate = Path(name), name
    while candidate in taken:
        taken[name] += 1
        candidate = path.with_name(f'{path.stem}_{taken[name]}{path.suffix}').as_posix()
    taken[candidate] = 1
    return candidate
