"""Reader of KITTI object labels."""

from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from ..boxes import parse_number
from ..schema import DataError, Fault
from .listing import by_stem, list_images
from .source import Content, MissingPolicy, Note, RawObject, SourceItem, UnlabelledPolicy, pair
from .splitting import split_by_lists
from .texts import read_text

DONT_CARE = 'DontCare'
_COLUMNS = 15
_MEND = 'write type truncated occluded alpha left top right bottom, and the seven numbers in space'


@dataclass(frozen=True)
class KittiReader:
    """KITTI: one text file per image, 15 values per object.

    They are ``type truncated occluded alpha left top right bottom height width length x y z rotation_y``. The
    box is ``left top right bottom`` in pixels, counted from 0; the others are checked only.

    ``DontCare`` lines mark regions whose objects are not labelled. They are no objects: they are left out and
    counted, and their image is ``partly_labelled``, so that nothing in it counts as background for sure.

    Args:
        source: The source folder.
        annotations: Folder of the text files, relative to it.
        images: Folder of the images, relative to it.
        splits: Split -> list file of image stems relative to the source folder, or ``'*'`` for all images.
        unpaired: What to do with a text file without image.
        unlabelled: What to do with an image without text file.
    """

    source: Path
    annotations: str = 'training/label_2'
    images: str = 'training/image_2'
    splits: dict[str, str] = field(default_factory=dict)
    unpaired: MissingPolicy = 'error'
    unlabelled: UnlabelledPolicy = 'error'

    def declared_classes(self) -> None:
        """KITTI files declare no class list."""
        return None

    def found_classes(self) -> list[str]:
        """List the types used in the text files, for the message that asks for ``--classes``."""
        lines = (line for path in self._label_paths() for _, line in _lines(path, str(path)))
        return sorted({line.split()[0] for line in lines} - {DONT_CARE})

    def items(self) -> tuple[list[SourceItem], list[Note]]:
        """List the images of the split lists."""
        names, notes = list_images(self.source, self.images)
        images = by_stem(names)
        folder = PurePosixPath(self.annotations)
        labels = {path.stem: str(folder / path.name) for path in self._label_paths()}
        split_of = split_by_lists(self.source, self.splits, {*images, *labels})
        items = []
        for stem, split in split_of.items():
            image, label = images.get(stem), labels.get(stem)
            keep, note = pair(label, image, unpaired=self.unpaired, unlabelled=self.unlabelled)
            notes += [note] if note else []
            items += [SourceItem(split, image, PurePosixPath(image).name, label)] if keep else []
        notes += [
            Note('unlisted_image', images.get(stem) or labels[stem])
            for stem in sorted({*images, *labels})
            if stem not in split_of
        ]
        return [self._with_regions(item) for item in items], notes

    def read(self, item: SourceItem, size: tuple[int, int]) -> Content:
        """Read one text file."""
        objects, notes = [], []
        for number, line in _lines(self.source / item.label, item.label):
            where = f'line {number}'
            name, box = _parse(line.split(), item.label, where)
            if name == DONT_CARE:
                notes.append(Note('unlabelled_region', f'{item.label}: {where}: {list(box)}'))
            else:
                objects.append(RawObject(name, box, where))
        return Content(objects, notes=notes)

    def _label_paths(self) -> list[Path]:
        return sorted((self.source / self.annotations).glob('*.txt'))

    def _with_regions(self, item: SourceItem) -> SourceItem:
        if item.label is None:
            return item
        lines = _lines(self.source / item.label, item.label)
        return replace(item, partly_labelled=any(line.split()[0] == DONT_CARE for _, line in lines))


def _lines(path: Path, file: str) -> list[tuple[int, str]]:
    """Read the lines that are not blank, with their numbers."""
    lines = read_text(path, file).splitlines()
    return [(number, line) for number, line in enumerate(lines, start=1) if line.strip()]


def _parse(words: list[str], file: str, where: str) -> tuple[str, tuple[float, float, float, float]]:
    if len(words) != _COLUMNS:
        extra = ' (a score is of a prediction, not of a label)' if len(words) == _COLUMNS + 1 else ''
        what = f'has {len(words)} values, not {_COLUMNS}{extra}'
        raise DataError(Fault(file, where, 'values', what, _MEND))
    try:
        numbers = [parse_number(word) for word in words[1:]]
    except ValueError:
        what = f'{" ".join(words)!r} holds something that is not a number'
        raise DataError(Fault(file, where, 'values', what, _MEND)) from None
    left, top, right, bottom = numbers[3:7]
    return words[0], (left, top, right, bottom)
