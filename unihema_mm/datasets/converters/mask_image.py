"""Reader of mask images whose grey levels or colours name the parts of a picture."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

import numpy as np

from ..schema import DataError, Fault
from .listing import match_images, other_entries
from .mask_levels import MaskLevels
from .mask_regions import objects_of_regions
from .source import Content, MissingPolicy, Note, RawMask, SourceItem, pair
from .splitting import split_by_lists
from .tables import make_lookup


@dataclass(frozen=True)
class MaskImageReader:
    """Mask images: one per picture, one grey level or colour per part.

    Sets of levels make mask targets, or objects: one of every connected region (no diagonal neighbours).

    Args:
        source: The source folder. Images, masks and lists may lie in different data sets below it.
        images: Pattern of the images with ``{key}``, see :func:`match_images`.
        masks: Pattern of the mask images; a mask belongs to the image of the same key.
        levels: Every grey level that a mask may hold, or part -> its colour ``[red, green, blue]``.
        targets: Prompt -> the levels, or names of colours, of its foreground; the others are background.
        instances: Class -> the levels, or names of colours, whose connected regions are objects of it.
        least_area: Pixels that a region must have to be an object; smaller ones are reported.
        quantise: Whether a level that is not listed becomes the nearest listed one, the lower of two; else it
            is an error. For masks that went through a lossy format.
        splits: Split -> list file of image stems, or ``'*'``; by default all images are train.
        class_table: The class of each image: ``file``, ``key`` and ``value`` (columns), ``digits``,
            see :class:`Lookup`.
        unpaired: What to do with a mask without image, or a line of ``class_table`` without image.
        unlabelled: What to do with an image without mask.
    """

    source: Path
    images: str
    masks: str
    levels: list[int] | dict[str, list[int]]
    targets: dict[str, list[int | str]] = field(default_factory=dict)
    instances: dict[str, list[int | str]] = field(default_factory=dict)
    least_area: int = 1
    quantise: bool = False
    splits: dict[str, str] = field(default_factory=dict)
    class_table: dict = field(default_factory=dict)
    unpaired: MissingPolicy = 'error'
    unlabelled: MissingPolicy = 'error'

    def declared_classes(self) -> None:
        """Mask images declare no class list."""
        return None

    def items(self) -> tuple[list[SourceItem], list[Note]]:
        """List the images that have a mask."""
        self._check_parts()
        masks = match_images(self.source, self.masks)
        images = match_images(self.source, self.images, without={*masks.values()})
        notes = other_entries(self.source, {*images.values(), *masks.values()})
        paired = []
        for key in sorted({*images, *masks}):
            keep, note = pair(
                masks.get(key),
                images.get(key),
                unpaired=self.unpaired,
                unlabelled=self.unlabelled,
                may_be_empty=False,
            )
            notes += [note] if note else []
            paired += [key] if keep else []
        classes = self._classes(images, notes)
        split_of = self._split_of(images)
        items = []
        for key in paired:
            path = PurePosixPath(images[key])
            if path.stem in split_of:
                items.append(
                    SourceItem(
                        split_of[path.stem], str(path), path.name, masks[key], class_name=classes.get(key)
                    )
                )
            else:
                notes.append(Note('unlisted_image', str(path)))
        return items, notes

    def read(self, item: SourceItem, size: tuple[int, int]) -> Content:
        """Read one mask image."""
        parts, note = self._levels.read(self.source, item.label)
        if parts.shape[::-1] != size:
            what = f'is {parts.shape[1]}x{parts.shape[0]}, its image {size[0]}x{size[1]}'
            mend = 'check that mask and image belong together'
            raise DataError(Fault(item.label, 'file', 'size', what, mend))
        notes = [note] if note else []
        masks = []
        for prompt, names in self.targets.items():
            masks.append(RawMask(prompt, self._foreground(parts, names, 'targets', prompt)))
            if not masks[-1].foreground.any():
                notes.append(Note('empty_mask', f'{item.label}: {prompt}'))
        objects = []
        for name, names in self.instances.items():
            foreground = self._foreground(parts, names, 'instances', name)
            found, small = objects_of_regions(foreground, name, self.least_area)
            objects += found
            if small:
                notes.append(Note('small_region', f'{item.label}: {name}: {small} of {small + len(found)}'))
        return Content(objects, masks, notes)

    @cached_property
    def _levels(self) -> MaskLevels:
        return MaskLevels(self.levels, self.quantise)

    def _foreground(self, parts: np.ndarray, names: list, parameter: str, key: str) -> np.ndarray:
        return np.isin(parts, self._levels.indices(names, parameter, key))

    def _check_parts(self) -> None:
        for parameter in ('targets', 'instances'):
            value = getattr(self, parameter)
            if not isinstance(value, dict) or not (self.targets or self.instances):
                what, mend = f'is {value!r}', 'write targets or instances, name: [level, ...]'
                raise DataError(Fault('entry', 'parameters', parameter, what, mend))
            for key, names in value.items():
                self._levels.indices(names, parameter, key)
        if type(self.least_area) is not int or self.least_area < 1:
            what, mend = f'is {self.least_area!r}', 'write a number of pixels from 1'
            raise DataError(Fault('entry', 'parameters', 'least_area', what, mend))

    def _classes(self, images: dict[str, str], notes: list[Note]) -> dict[str, str]:
        if not self.class_table:
            return {}
        table = make_lookup(self.class_table, 'class_table')
        classes = table.read(self.source)
        faults = [
            Fault(table.file, name, table.key, f'there is no line for {images[name]}', 'add its class')
            for name in images
            if name not in classes
        ]
        if faults:
            raise DataError(faults)
        for name in classes:
            note = pair(
                f'{table.file}: {name}', images.get(name), unpaired=self.unpaired, unlabelled='error'
            )[1]
            notes += [note] if note else []
        return classes

    def _split_of(self, images: dict[str, str]) -> dict[str, str]:
        stems = {PurePosixPath(name).stem for name in images.values()}
        return split_by_lists(self.source, self.splits or {'train': '*'}, stems)
