"""What a format's reader hands over: items to convert, their content, and notes about both."""

from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np

from ..schema import DataError, Fault

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
        label: Label path relative to the source folder; ``None`` where there is nothing to read.
        objects: Object records that came with the item (COCO); empty where ``label`` is a file.
        size: Width and height as the source states them.
        class_name: Class of the whole image, as the source names it.
        attributes: Attribute name -> value of the one cell of a single-cell image, annotated ones only.
        partly_labelled: Whether the image may show objects that its label leaves out.
        mask: Mask image beside ``label``, relative to the source folder.
    """

    split: str
    image: str
    target: str
    label: str | None = None
    objects: tuple[dict, ...] = ()
    size: tuple[int, int] | None = None
    class_name: str | None = None
    attributes: dict[str, str] = field(default_factory=dict)
    partly_labelled: bool = False
    mask: str | None = None


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


@dataclass(frozen=True)
class RawMask:
    """One mask target.

    Attributes:
        prompt: Words of the prompt that asks for it.
        foreground: Of shape (height, width), bool.
    """

    prompt: str
    foreground: np.ndarray


@dataclass(frozen=True)
class Content:
    """What the label of one image holds.

    Attributes:
        objects: Its objects.
        masks: Its mask targets.
        notes: What was dropped or repaired.
        unfit: Tasks of the entry that this image cannot be used for.
        image: Further keys of the image record (``questions``, ``sentences``), and its ``prompt`` where it is
            not that of the entry.
    """

    objects: list[RawObject] = field(default_factory=list)
    masks: list[RawMask] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    unfit: frozenset[str] = frozenset()
    image: dict = field(default_factory=dict)


class Reader(Protocol):
    """Reads one format. Instances are dataclasses whose fields are the source folder and the parameters."""

    def declared_classes(self) -> list[str] | None:
        """Class names that the source declares, ``None`` where the format declares none."""

    def items(self) -> tuple[list[SourceItem], list[Note]]:
        """List the images of all splits; raises :class:`DataError` for what is not understood."""

    def read(self, item: SourceItem, size: tuple[int, int]) -> Content:
        """Read the label of one image of the given width and height; runs in a worker process."""


def pair(
    label: str | None,
    image: str | None,
    *,
    unpaired: MissingPolicy,
    unlabelled: UnlabelledPolicy,
    may_be_empty: bool = True,
) -> tuple[bool, Note | None]:
    """Decide about a label without image or an image without label.

    Args:
        label: The label file, ``None`` where it is missing.
        image: The image file, ``None`` where it is missing.
        unpaired: What to do with a label whose image is missing.
        unlabelled: What to do with an image whose label is missing.
        may_be_empty: Whether the format takes ``'background'``, for the message.

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
                'add the label file, or pass --unlabelled skip (leave the image out)'
                + (' or --unlabelled background (it shows no object)' if may_be_empty else ''),
            )
        )
    keep = unlabelled == 'background'
    return keep, Note('image_without_label_kept' if keep else 'image_without_label', image)
