"""Reader of tables that give the class of each image."""

from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

from ..schema import SPLITS, DataError, Fault
from .listing import match_images, other_entries
from .patterns import fixed_folder
from .source import Content, MissingPolicy, Note, SourceItem, pair
from .splitting import check_split_names
from .tables import Column, load_table

RowPolicy = Literal['error', 'skip']


@dataclass(frozen=True)
class ClassCsvReader:
    """Class tables: one line per image with its name and its class.

    Args:
        source: The source folder.
        images: Pattern of the images with ``{key}``, see :func:`match_images`.
        splits: Split -> csv file relative to the source folder, or a list of them.
        image_column: Heading, or number from 1, of the column with the keys of ``images``.
        class_column: Heading or number of the column with the class.
        header: Whether the first line holds headings.
        delimiter: What separates the values.
        digits: Image names are filled with zeros from the left to this length.
        separator: What separates several classes of one image; empty where a value is always one class. An
            image with one class twice has this class.
        several: What to do with an image of several classes.
        blank: What to do with a line without class.
        ignored_classes: Classes whose images are left out.
        unpaired: What to do with a line without image.
        unlabelled: What to do with an image without line.
    """

    source: Path
    images: str
    splits: dict[str, str | list[str]]
    image_column: Column
    class_column: Column
    header: bool = True
    delimiter: str = ','
    digits: int = 0
    separator: str = ''
    several: RowPolicy = 'error'
    blank: RowPolicy = 'error'
    ignored_classes: list[str] = field(default_factory=list)
    unpaired: MissingPolicy = 'error'
    unlabelled: MissingPolicy = 'error'

    def declared_classes(self) -> None:
        """Class tables declare no class list."""
        return None

    def items(self) -> tuple[list[SourceItem], list[Note]]:
        """List the images that have a line with one class."""
        images = match_images(self.source, self.images)
        notes = other_entries(self.source, {*images.values()})
        root = fixed_folder(self.images)
        items: list[SourceItem] = []
        labels: dict[str, str] = {}
        for split, file, number, key, text in self._lines():
            label = f'{file}: line {number}: {key}'
            if key in labels:
                what = f'{key!r} stands in {labels[key].rpartition(":")[0]} too'
                raise DataError(Fault(file, f'line {number}', 'image', what, 'keep one of the lines'))
            labels[key] = label
            keep, note = pair(label, images.get(key), unpaired=self.unpaired, unlabelled='error')
            notes += [note] if note else []
            name = self._class_of(text, file, f'line {number}', key, notes) if keep else None
            if name is not None:
                target = PurePosixPath(images[key]).relative_to(root)
                items.append(SourceItem(split, images[key], str(target), class_name=name))
        for key, image in images.items():
            note = pair(
                labels.get(key), image, unpaired=self.unpaired, unlabelled=self.unlabelled, may_be_empty=False
            )[1]
            notes += [note] if note else []
        return sorted(items, key=lambda item: (SPLITS.index(item.split), item.target)), notes

    def read(self, item: SourceItem, size: tuple[int, int]) -> Content:
        """Nothing: the class came with the item."""
        return Content()

    def _lines(self) -> list[tuple[str, str, int, str, str]]:
        """List split, file, line number, image key and class text of each line of the tables."""
        check_split_names(self.splits, SPLITS)
        lines = []
        for split, value in self.splits.items():
            for file in [value] if isinstance(value, str) else value:
                table = load_table(self.source / file, delimiter=self.delimiter, header=self.header)
                places = [table.find(column) for column in (self.image_column, self.class_column)]
                for number, values in table.rows:
                    key, text = (values[place] for place in places)
                    lines.append((split, file, number, key.zfill(self.digits), text))
        return lines

    def _class_of(self, text: str, file: str, where: str, key: str, notes: list[Note]) -> str | None:
        """Decide about the class of one line; ``None`` where its image is left out."""
        words = [word.strip() for word in text.split(self.separator)] if self.separator else [text]
        names = list(dict.fromkeys(word for word in words if word))
        what = f'{file}: {where}: {key}: {text}'
        if len(names) != 1:
            policy, code = ('several', 'several_classes') if names else ('blank', 'blank_class')
            if getattr(self, policy) == 'error':
                fault = f'has several classes ({text})' if names else 'is empty'
                mend = f'correct the line, or set {policy}: skip to leave such images out'
                raise DataError(Fault(file, where, 'class', fault, mend))
            notes.append(Note(code, what))
            return None
        if len(words) > 1:
            notes.append(Note('one_class_twice', what))
        if names[0] in self.ignored_classes:
            notes.append(Note('ignored_class', what))
            return None
        return names[0]
