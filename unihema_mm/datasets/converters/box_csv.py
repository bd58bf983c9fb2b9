"""Reader of tables with one box per line."""

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

from ..boxes import parse_number
from ..image_files import IMAGE_SUFFIXES
from ..schema import SPLITS, DataError, Fault
from ..validation.structure import fault_of_path
from .box_columns import BoxKind, find_columns, to_corners
from .listing import list_images
from .source import Content, MissingPolicy, Note, RawObject, SourceItem, UnlabelledPolicy, pair
from .splitting import check_split_names
from .tables import Column, Table, load_table


@dataclass(frozen=True)
class BoxCsvReader:
    """Box tables: one line per object with its image, class and four numbers, in any order of the columns.

    A line with an image and nothing else is an image without objects.

    Args:
        source: The source folder.
        splits: Split -> csv file relative to it, or a list of them.
        images: Folder that the image names of the tables start from, relative to the source folder. An image
            name may lack its suffix.
        columns: ``file``, ``class`` and the four numbers of ``box`` -> heading or number of the column (the
            first is 1). What is not given is looked for under its usual headings, see :func:`find_columns`.
        box: What the four numbers are: ``'corners'`` (``xmin``, ``ymin``, ``xmax``, ``ymax``), ``'size'``
            (``x``, ``y`` of the top left corner, ``width``, ``height``) or ``'centre'`` (``x``, ``y`` of the
            centre, ``width``, ``height``).
        normalised: Whether they are fractions of the width and height of the image, else pixels.
        header: Whether the first line holds headings; without them ``columns`` gives all numbers.
        delimiter: What separates the values.
        unpaired: What to do with the lines of an image that is not there.
        unlabelled: What to do with an image without line beside those that have one.
    """

    source: Path
    splits: dict[str, str | list[str]] = field(default_factory=dict)
    images: str = '.'
    columns: dict[str, Column] = field(default_factory=dict)
    box: Literal['corners', 'size', 'centre'] = 'corners'
    normalised: bool = False
    header: bool = True
    delimiter: str = ','
    unpaired: MissingPolicy = 'error'
    unlabelled: UnlabelledPolicy = 'error'

    def declared_classes(self) -> None:
        """Box tables declare no class list."""
        return None

    def found_classes(self) -> list[str]:
        """List the class names used in the tables, for the message that asks for ``--classes``."""
        names = set()
        for _, file in self._files():
            table, places = self._table(file)
            names |= {values[places['class']] for _, values in table.rows}
        return sorted(names - {''})

    def items(self) -> tuple[list[SourceItem], list[Note]]:
        """List the images of the tables with their objects."""
        objects: dict[tuple[str, str], list[dict]] = defaultdict(list)
        notes: list[Note] = []
        missing = set()
        for split, file in self._files():
            table, places = self._table(file)
            rows = [_parse(values, places, file, f'line {number}') for number, values in table.rows]
            self._check_scale(rows, file)
            for name, record in rows:
                image = self._find(name)
                label = f'{file}: {name}'
                keep, note = pair(label, image, unpaired=self.unpaired, unlabelled='error')
                if keep:
                    objects[split, image] += [record] if record else []
                elif label not in missing:
                    missing.add(label)
                    notes.append(note)
        items = [self._item(split, image, tuple(records)) for (split, image), records in objects.items()]
        items += self._unlabelled({image for _, image in objects}, notes)
        return sorted(items, key=lambda item: (SPLITS.index(item.split), item.target)), notes

    def read(self, item: SourceItem, size: tuple[int, int]) -> Content:
        """Make the boxes of one image."""
        scale = size if self.normalised else (1, 1)
        return Content(
            [
                RawObject(record['name'], to_corners(record['box'], self.box, scale), record['where'])
                for record in item.objects
            ]
        )

    def _files(self) -> list[tuple[str, str]]:
        check_split_names(self.splits, SPLITS)
        return [
            (split, file)
            for split, files in self.splits.items()
            for file in ([files] if isinstance(files, str) else files)
        ]

    def _table(self, file: str) -> tuple[Table, dict[str, int]]:
        table = load_table(self.source / file, delimiter=self.delimiter, header=self.header)
        return table, find_columns(table, self.columns, BoxKind(self.box))

    def _check_scale(self, rows: list[tuple[str, dict]], file: str) -> None:
        highest = max((value for _, record in rows if record for value in record['box']), default=None)
        if highest is not None and not self.normalised and highest <= 1:
            what = f'no number is above {highest:g}, so they are no pixels'
            raise DataError(Fault(file, 'file', 'box', what, 'set normalised: true, or check the columns'))
        if highest is not None and self.normalised and highest > 2:
            what = f'{highest:g} is not normalised'
            raise DataError(Fault(file, 'file', 'box', what, 'drop normalised, or check the columns'))

    def _find(self, name: str) -> str | None:
        path = PurePosixPath(self.images) / name
        names = [path] if path.suffix.lower() in IMAGE_SUFFIXES else []
        names = names or [path.with_name(path.name + suffix) for suffix in IMAGE_SUFFIXES]
        return next((str(path) for path in names if (self.source / path).is_file()), None)

    def _item(self, split: str, image: str, records: tuple[dict, ...]) -> SourceItem:
        return SourceItem(split, image, str(PurePosixPath(image).relative_to(self.images)), objects=records)

    def _unlabelled(self, labelled: set[str], notes: list[Note]) -> list[SourceItem]:
        """List the images without line that are kept, all as images of train or of the only split."""
        items = []
        split = next(iter(self.splits)) if len(self.splits) == 1 else 'train'
        for folder in sorted({str(PurePosixPath(image).parent) for image in labelled}):
            names, others = list_images(self.source, folder)
            notes += others
            for image in names:
                if image not in labelled:
                    keep, note = pair(None, image, unpaired=self.unpaired, unlabelled=self.unlabelled)
                    notes += [note] if note else []
                    items += [self._item(split, image, ())] if keep else []
        return items


def _parse(values: list[str], places: dict[str, int], file: str, where: str) -> tuple[str, dict | None]:
    """Read one line: image name, and class and numbers, ``None`` where it has neither."""
    texts = {role: values[place] for role, place in places.items()}
    name = texts.pop('file')
    fault = fault_of_path(name)
    if fault:
        raise DataError(Fault(file, where, 'file', fault, 'write a path below the image folder'))
    if not any(texts.values()):
        return name, None
    for role, text in texts.items():
        if not text:
            mend = 'fill it in, or leave class and box empty for an image without objects'
            raise DataError(Fault(file, where, role, 'is empty', mend))
    label = texts.pop('class')
    box = []
    for role, text in texts.items():
        try:
            box.append(parse_number(text))
        except ValueError:
            raise DataError(Fault(file, where, role, f'is {text!r}', 'must be a finite number')) from None
    _check_order(texts, box, file, where)
    return name, {'name': label, 'box': tuple(box), 'where': f'{file}: {where}'}


def _check_order(texts: dict[str, str], box: list[float], file: str, where: str) -> None:
    """Refuse a box turned inside out, which two columns taken for each other make of every box."""
    if 'xmin' in texts and (box[2] < box[0] or box[3] < box[1]):
        what = f'{texts} ends before it begins'
    elif 'width' in texts and min(box[2:]) < 0:
        what = f'{texts} has a negative size'
    else:
        return
    raise DataError(Fault(file, where, 'box', what, 'correct the line, or the columns'))
