"""What a format's reader hands over: items to convert, their content, and notes about both."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal, Protocol

from ..image_files import IMAGE_SUFFIXES
from ..schema import DataError, Fault

_LABEL_SUFFIXES = ('.txt', '.xml', '.json')

MissingPolicy = Literal['error', 'skip']
UnlabelledPolicy = Literal['error', 'skip', 'background']


@dataclass(frozen=True)
class Note:
    """Something dropped or repaired.

    Attributes:
        code: Key of :data:`unihema_mm.datasets.converters.report.CHANGES`.
        item: What it happened to, e.g. a file, and details.
    """

    code: str
    item: str


@dataclass(frozen=True)
class SourceItem:
    """One image of the source.

    Attributes:
        split: ``train``, ``val`` or ``test``.
        image: Image path relative to the source folder, forward slashes.
        target: Image path relative to the images folder of the result.
        label: Label path relative to the source folder; ``None`` for an image without objects.
        objects: Object records that came with the item (COCO); empty where ``label`` is a file.
        size: Width and height as the source states them.
    """

    split: str
    image: str
    target: str
    label: str | None = None
    objects: tuple[dict, ...] = ()
    size: tuple[int, int] | None = None


@dataclass(frozen=True)
class RawObject:
    """One object as the source has it.

    Attributes:
        name: Class name of the source.
        box: ``x1, y1, x2, y2`` in pixels, unclipped.
        where: Its place for messages, e.g. ``'line 3'``.
        extra: Further keys of the object record (``segmentation``, ``iscrowd``, ``area``).
    """

    name: str
    box: tuple[float, float, float, float]
    where: str
    extra: dict = field(default_factory=dict)


class Reader(Protocol):
    """Reads one format. Instances are dataclasses whose fields are the source folder and the parameters."""

    def declared_classes(self) -> list[str] | None:
        """Class names that the source declares, ``None`` where the format declares none."""

    def items(self) -> tuple[list[SourceItem], list[Note]]:
        """List the images of all splits; raises :class:`DataError` for what is not understood."""

    def read(self, item: SourceItem, size: tuple[int, int]) -> tuple[list[RawObject], list[Note]]:
        """Read the objects of one image of the given width and height; runs in a worker process."""


def list_images(source: Path, folder: str) -> tuple[list[str], list[Note]]:
    """List the image files of a folder.

    Args:
        source: The source folder.
        folder: Folder relative to it; sub-folders are not entered.

    Returns:
        Sorted paths relative to ``source``, and notes about what else lies there (labels and hidden
        files apart).

    Raises:
        DataError: The folder does not exist.
    """
    path = source / folder
    if not path.is_dir():
        raise DataError(
            Fault(str(path), 'folder', 'images', 'does not exist', 'check --src and the image folder')
        )
    images, notes = [], []
    for entry in sorted(path.iterdir()):
        name = str(PurePosixPath(folder) / entry.name)
        if entry.suffix.lower() in IMAGE_SUFFIXES and not entry.is_dir():
            images.append(name)
        elif entry.suffix.lower() not in _LABEL_SUFFIXES and not entry.name.startswith('.'):
            notes.append(Note('other_entry', name))
    return images, notes


def by_stem(names: Sequence[str]) -> dict[str, str]:
    """Index image paths by file name without suffix.

    Raises:
        DataError: Two files differ by their suffix only, so a label cannot be assigned.
    """
    index: dict[str, str] = {}
    for name in names:
        stem = PurePosixPath(name).stem
        if stem in index:
            raise DataError(
                Fault(
                    name,
                    'file',
                    'name',
                    f'has the same stem as {index[stem]}',
                    'rename or remove one of them',
                )
            )
        index[stem] = name
    return index


def pair(
    label: str | None,
    image: str | None,
    *,
    unpaired: MissingPolicy,
    unlabelled: UnlabelledPolicy,
) -> tuple[bool, Note | None]:
    """Decide about a label without image or an image without label.

    Args:
        label: The label file, ``None`` where it is missing.
        image: The image file, ``None`` where it is missing.
        unpaired: What to do with a label whose image is missing.
        unlabelled: What to do with an image whose label is missing.

    Returns:
        Whether the image is converted, and the note about it.

    Raises:
        DataError: The policy says so.
    """
    if label and image:
        return True, None
    if not image:
        if unpaired == 'error':
            raise DataError(
                Fault(
                    label,
                    'file',
                    'image',
                    'its image does not exist',
                    'add the image, or pass --unpaired skip to leave such labels out',
                )
            )
        return False, Note('label_without_image', label)
    if unlabelled == 'error':
        raise DataError(
            Fault(
                image,
                'file',
                'label',
                'its label file does not exist',
                'add the label file, or pass --unlabelled skip (leave the image out) '
                'or --unlabelled background (it shows no object)',
            )
        )
    keep = unlabelled == 'background'
    return keep, Note('image_without_label_kept' if keep else 'image_without_label', image)


def check_split_names(splits: dict[str, str], allowed: Sequence[str]) -> None:
    """Refuse an empty list of splits and unknown split names."""
    if not splits:
        raise DataError(
            Fault(
                'source',
                'splits',
                'split',
                'none is given and none was found',
                'pass --split train=..., see docs/how_to/prepare_data.md',
            )
        )
    for split in splits:
        if split not in allowed:
            raise DataError(Fault('source', 'splits', split, 'is not a split', f'use {", ".join(allowed)}'))
