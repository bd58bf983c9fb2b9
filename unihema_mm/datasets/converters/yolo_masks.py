"""Reader of YOLO boxes beside mask images whose connected regions are the objects."""

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np

from ..image_files import UnreadableImageError, decode_mask
from ..schema import SPLITS, DataError, Fault
from .listing import match_images, other_entries
from .mask_regions import label_regions, mask_keys
from .source import Content, MissingPolicy, Note, RawMask, SourceItem, pair
from .splitting import check_split_names
from .yolo import read_lines


@dataclass(frozen=True)
class YoloMasksReader:
    """YOLO text labels, and one mask image per picture: 0 background, 255 foreground.

    The mask of an object is the connected region (no diagonal neighbours) that its box centre lies on. Where
    the centre lies on the background, or on a region that holds the centre of another box too, the object
    gets no mask, and its image is not used for ``inst``.

    Args:
        source: The source folder.
        images: Pattern of the images with ``{key}``, see :func:`match_images`.
        masks: Pattern of the mask images.
        labels: Split -> pattern of the label files.
        names: Class names in the order of their numbers.
        target: Prompt of the mask target, the whole foreground.
        unpaired: What to do with a label file or a mask without image.
        unlabelled: What to do with an image without label file or without mask.
    """

    source: Path
    images: str
    masks: str
    labels: dict[str, str]
    names: list[str]
    target: str
    unpaired: MissingPolicy = 'error'
    unlabelled: MissingPolicy = 'error'

    def declared_classes(self) -> list[str]:
        """Class names by their numbers."""
        return list(self.names)

    def items(self) -> tuple[list[SourceItem], list[Note]]:
        """List the images that have a label file and a mask."""
        check_split_names(self.labels, SPLITS)
        masks = match_images(self.source, self.masks)
        images = match_images(self.source, self.images, without={*masks.values()})
        labels, split_of = self._labels()
        notes = other_entries(self.source, {*images.values(), *masks.values()})
        items = []
        for key in sorted({*images, *masks, *labels}):
            image, label, mask = images.get(key), labels.get(key), masks.get(key)
            keep, note = pair(
                (label or mask) if image is None else label,
                image,
                unpaired=self.unpaired,
                unlabelled=self.unlabelled,
                may_be_empty=False,
            )
            if keep and mask is None:
                keep, note = False, self._note_missing_mask(image)
            notes += [note] if note else []
            if keep:
                items.append(SourceItem(split_of[key], image, PurePosixPath(image).name, label, mask=mask))
        return items, notes

    def read(self, item: SourceItem, size: tuple[int, int]) -> Content:
        """Read one label file and one mask."""
        foreground = self._foreground(item.mask, size)
        count, regions = label_regions(foreground)
        objects = read_lines(self.source / item.label, item.label, self.names, size)
        hits = [_region_at(obj.box, regions) for obj in objects]
        counts = Counter(hits)
        notes, masked = [], []
        for obj, region in zip(objects, hits, strict=True):
            if region and counts[region] == 1:
                obj = replace(obj, extra=mask_keys(regions == region))
            else:
                what = 'shares its region' if region else 'lies on background'
                notes.append(Note('object_without_mask', f'{item.label}: {obj.where}: {what}'))
            masked.append(obj)
        empty = count - len({*hits} - {0})
        if empty:
            notes.append(Note('region_without_object', f'{item.mask}: {empty} of {count} regions'))
        unfit = frozenset({'inst'}) if any(not obj.extra for obj in masked) else frozenset()
        return Content(masked, [RawMask(self.target, foreground)], notes, unfit)

    def _labels(self) -> tuple[dict[str, str], dict[str, str]]:
        labels, split_of = {}, {}
        for split, pattern in self.labels.items():
            for key, label in match_images(self.source, pattern, suffixes=('.txt',)).items():
                if key in labels:
                    what = f'is in {split} and in {split_of[key]}'
                    raise DataError(Fault(label, 'file', 'split', what, 'keep an image in one split only'))
                labels[key], split_of[key] = label, split
        return labels, split_of

    def _note_missing_mask(self, image: str) -> Note:
        if self.unlabelled == 'error':
            mend = 'add the mask, or set unlabelled: skip'
            raise DataError(Fault(image, 'file', 'mask', 'its mask image does not exist', mend))
        return Note('image_without_label', image)

    def _foreground(self, name: str, size: tuple[int, int]) -> np.ndarray:
        try:
            pixels = decode_mask(self.source / name, three_channels=True)
        except UnreadableImageError as fault:
            raise DataError(
                Fault(name, 'file', 'mask', fault.reason, 'make it an 8-bit grey image')
            ) from None
        if pixels.shape[::-1] != size:
            what = f'is {pixels.shape[1]}x{pixels.shape[0]}, its image {size[0]}x{size[1]}'
            raise DataError(Fault(name, 'file', 'size', what, 'check that mask and image belong together'))
        other = np.setdiff1d(pixels, (0, 255))
        if other.size:
            what = f'has levels {", ".join(map(str, other[:10]))}'
            raise DataError(Fault(name, 'file', 'levels', what, 'use 0 (background) and 255 only'))
        return pixels == 255


def _region_at(box: tuple[float, float, float, float], regions: np.ndarray) -> int:
    """The region at the centre of a box, 0 where that is background or outside the image."""
    x, y = int((box[0] + box[2]) // 2), int((box[1] + box[3]) // 2)
    inside = 0 <= x < regions.shape[1] and 0 <= y < regions.shape[0]
    return int(regions[y, x]) if inside else 0
