"""Reader of mask images whose grey levels name the parts of a cell."""

from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np

from ..image_files import UnreadableImageError, decode_mask
from ..schema import DataError, Fault
from .listing import match_images, other_entries
from .source import Content, MissingPolicy, Note, RawMask, SourceItem, pair
from .splitting import split_by_lists
from .tables import make_lookup


@dataclass(frozen=True)
class MaskImageReader:
    """Mask images: one grey image per picture, one level per part, one mask target per set of levels.

    Args:
        source: The source folder. Images, masks and lists may lie in different data sets below it.
        images: Pattern of the images with ``{key}``, see :func:`match_images`.
        masks: Pattern of the mask images; a mask belongs to the image of the same key.
        levels: Every grey level that a mask may hold.
        targets: Prompt -> the levels that are its foreground; the others are background.
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
    levels: list[int]
    targets: dict[str, list[int]]
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
        self._check_levels()
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
        levels, note = self._levels_of(item.label)
        if levels.shape[::-1] != size:
            what = f'is {levels.shape[1]}x{levels.shape[0]}, its image {size[0]}x{size[1]}'
            mend = 'check that mask and image belong together'
            raise DataError(Fault(item.label, 'file', 'size', what, mend))
        notes = [note] if note else []
        masks = []
        for prompt, foreground in self.targets.items():
            masks.append(RawMask(prompt, np.isin(levels, foreground)))
            if not masks[-1].foreground.any():
                notes.append(Note('empty_mask', f'{item.label}: {prompt}'))
        return Content(masks=masks, notes=notes)

    def _check_levels(self) -> None:
        listed = {level for levels in self.targets.values() for level in levels}
        if not self.targets or not listed <= set(self.levels):
            what = f'{self.targets} uses levels that are not among {self.levels}'
            raise DataError(
                Fault('entry', 'parameters', 'targets', what, 'list every level of the masks in levels')
            )

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

    def _levels_of(self, name: str) -> tuple[np.ndarray, Note | None]:
        try:
            pixels = decode_mask(self.source / name, three_channels=True)
        except UnreadableImageError as fault:
            raise DataError(
                Fault(name, 'file', 'mask', fault.reason, 'make it an 8-bit grey image')
            ) from None
        known = np.isin(pixels, self.levels)
        if known.all():
            return pixels, None
        unknown = np.unique(pixels[~known])
        if not self.quantise:
            what = f'has levels {", ".join(map(str, unknown[:10]))} that are not among {self.levels}'
            raise DataError(
                Fault(name, 'file', 'levels', what, 'add them to levels and targets, or set quantise')
            )
        levels = np.array(sorted(self.levels))
        nearest = np.abs(np.arange(256)[:, None] - levels).argmin(1)
        count = int((~known).sum())
        note = Note('quantised_mask', f'{name}: {count} pixels of {unknown.size} other levels')
        return levels[nearest][pixels].astype(np.uint8), note
