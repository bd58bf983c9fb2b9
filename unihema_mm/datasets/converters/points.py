"""Reader of text files with the centre points of cells, which a rule makes boxes."""

import math
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from ..boxes import parse_number
from ..schema import DataError, Fault
from .listing import match_images, other_entries
from .source import Content, MissingPolicy, Note, RawObject, SourceItem, pair
from .splitting import note_identical, split_by_lists
from .texts import read_text

_MEND = 'write x y class, the point in pixels'


@dataclass(frozen=True)
class PointReader:
    """Centre points: ``x y class`` per line in pixels, one text file per image.

    Each point becomes a square box of a fixed side around it, clipped to the image.

    Args:
        source: The source folder.
        images: Pattern of the images with ``{key}``, see :func:`match_images`.
        labels: Pattern of the text files; a file belongs to the image of the same key.
        box_side: Side of the boxes in pixels.
        partly_labelled: Whether images may show cells without a point, so that a place without one is not
            known to be background. It is then written into each image record.
        splits: Split -> list file of image stems, or ``'*'``; by default all images are train.
        unpaired: What to do with a text file without image.
        unlabelled: What to do with an image without text file.
    """

    source: Path
    images: str
    labels: str
    box_side: float
    partly_labelled: bool = False
    splits: dict[str, str] = field(default_factory=dict)
    unpaired: MissingPolicy = 'error'
    unlabelled: MissingPolicy = 'error'

    def declared_classes(self) -> None:
        """Point files declare no class list."""
        return None

    def items(self) -> tuple[list[SourceItem], list[Note]]:
        """List the images that have a text file."""
        self._check_parameters()
        images = match_images(self.source, self.images)
        labels = match_images(self.source, self.labels, suffixes=('.txt',))
        notes = other_entries(self.source, {*images.values(), *labels.values()})
        stems = {PurePosixPath(name).stem for name in images.values()}
        split_of = split_by_lists(self.source, self.splits or {'train': '*'}, stems)
        items = []
        for key in sorted({*images, *labels}):
            image, label = images.get(key), labels.get(key)
            keep, note = pair(
                label, image, unpaired=self.unpaired, unlabelled=self.unlabelled, may_be_empty=False
            )
            notes += [note] if note else []
            if not keep:
                continue
            path = PurePosixPath(image)
            if path.stem in split_of:
                items.append(SourceItem(split_of[path.stem], image, path.name, label))
            else:
                notes.append(Note('unlisted_image', image))
        items = [replace(item, partly_labelled=self.partly_labelled) for item in items]
        return items, [*notes, *note_identical(items, self.source)]

    def read(self, item: SourceItem, size: tuple[int, int]) -> Content:
        """Read one text file."""
        text = read_text(self.source / item.label, item.label)
        objects, notes = [], []
        half = self.box_side / 2
        for index, line in enumerate(text.splitlines()):
            if not line.strip():
                continue
            where = f'line {index + 1}'
            x, y, name = _parse(line, item.label, where)
            if 0 <= x < size[0] and 0 <= y < size[1]:
                objects.append(RawObject(name, (x - half, y - half, x + half, y + half), where))
            else:
                what = f'{item.label}: {where}: {line.strip()} in {size[0]}x{size[1]}'
                notes.append(Note('outside_point', what))
        return Content(objects, notes=notes)

    def _check_parameters(self) -> None:
        faults = []
        side = self.box_side
        if isinstance(side, bool) or not isinstance(side, int | float) or not 0 < side < math.inf:
            faults.append(
                Fault('entry', 'parameters', 'box_side', f'is {side!r}', 'write a number of pixels above 0')
            )
        if not isinstance(self.partly_labelled, bool):
            what = f'is {self.partly_labelled!r}'
            faults.append(Fault('entry', 'parameters', 'partly_labelled', what, 'write true or false'))
        if faults:
            raise DataError(faults)


def _parse(line: str, file: str, where: str) -> tuple[float, float, str]:
    words = line.split()
    if len(words) != 3:
        raise DataError(Fault(file, where, 'values', f'has {len(words)} values, not 3', _MEND))
    try:
        x, y = map(parse_number, words[:2])
    except ValueError:
        what = f'{" ".join(words[:2])!r} is not a point'
        raise DataError(Fault(file, where, 'point', what, _MEND)) from None
    return x, y, words[2]
