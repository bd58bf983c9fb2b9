"""Reader of YOLO text labels with a data.yaml."""

import os
import reprlib
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

from ..boxes import parse_number
from ..schema import SPLITS, DataError, Fault
from .listing import by_stem, list_images
from .source import Content, MissingPolicy, Note, RawObject, SourceItem, UnlabelledPolicy, pair
from .splitting import check_split_names
from .texts import read_text, read_yaml

_CLASS_LIST = 'classes.txt'


@dataclass(frozen=True)
class YoloReader:
    """YOLO: ``class cx cy w h`` per line, normalised to the image, labels beside or parallel to images.

    The label of ``.../images/x.png`` is ``.../labels/x.txt``, else ``x.txt`` in the folder of the image.

    Args:
        source: The source folder.
        data: The data.yaml with ``names`` and split folders, relative to the source folder. Its paths are
            relative to its own folder, or to its ``path``.
        splits: Split -> image folder relative to the source folder; replaces those of data.yaml.
        names: Class names in the order of their numbers, where there is no data.yaml.
        unpaired: What to do with a label without image.
        unlabelled: What to do with an image without label.
    """

    source: Path
    data: str = 'data.yaml'
    splits: dict[str, str] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    unpaired: MissingPolicy = 'error'
    unlabelled: UnlabelledPolicy = 'error'

    def declared_classes(self) -> list[str]:
        """Class names of data.yaml by their numbers."""
        names = self._data.get('names')
        if isinstance(names, dict) and set(names) == set(range(len(names))):
            names = [names[index] for index in range(len(names))]
        if names is not None and not isinstance(names, list):
            what = f'is {reprlib.repr(names)}'
            mend = 'write a list of names, or numbers from 0 with their names'
            raise DataError(Fault(self.data, 'file', 'names', what, mend))
        if not names and not self.names:
            raise DataError(
                Fault(
                    str(self.source / self.data),
                    'file',
                    'names',
                    'there are no class names',
                    'pass --classes in the order of their numbers, or add names to data.yaml',
                )
            )
        names = list(names or self.names)
        if not all(isinstance(name, str) for name in names):
            what = f'is {reprlib.repr(names)}'
            raise DataError(Fault(self.data, 'file', 'names', what, 'write a list of names'))
        count = self._data.get('nc', len(names))
        if count != len(names):
            raise DataError(
                Fault(
                    self.data,
                    'file',
                    'nc',
                    f'is {reprlib.repr(count)}, but there are {len(names)} names',
                    'correct nc or names',
                )
            )
        return names

    def items(self) -> tuple[list[SourceItem], list[Note]]:
        """List the images of the split folders."""
        notes = self._check_class_list()
        splits = {split: [folder] for split, folder in self.splits.items()} or self._splits_of_data(notes)
        check_split_names(splits, SPLITS)
        items = []
        for split, folders in splits.items():
            for folder in folders:
                items += self._items_of_folder(split, folder, notes)
        return items, notes

    def read(self, item: SourceItem, size: tuple[int, int]) -> Content:
        """Read one label file."""
        return Content(read_lines(self.source / item.label, item.label, self.declared_classes(), size))

    @cached_property
    def _data(self) -> dict:
        path = self.source / self.data
        return read_yaml(path) if os.path.lexists(path) else {}

    def _splits_of_data(self, notes: list[Note]) -> dict[str, list[str]]:
        data = self._data
        path = data.get('path') or ''
        if not isinstance(path, str):
            raise DataError(
                Fault(self.data, 'file', 'path', f'is {reprlib.repr(path)}', 'write a folder, or drop it')
            )
        base = PurePosixPath(self.data).parent / path
        splits = {}
        for split in SPLITS:
            value = data.get(split)
            folders = [value] if isinstance(value, str) else value or []
            if not isinstance(folders, list) or not all(isinstance(folder, str) for folder in folders):
                what, mend = f'is {reprlib.repr(value)}', 'write an image folder, or a list of them'
                raise DataError(Fault(self.data, 'file', split, what, mend))
            if folders:
                splits[split] = [self._folder(base, folder, split, notes) for folder in folders]
        return splits

    def _folder(self, base: PurePosixPath, value: str, split: str, notes: list[Note]) -> str:
        folder = PurePosixPath(os.path.normpath(base / value))
        leaves = folder.is_absolute() or '..' in folder.parts
        if not leaves and os.path.isdir(self.source / folder):
            return str(folder)
        # Exports of Roboflow write ../train/images although the folder lies beside data.yaml.
        inner = PurePosixPath(self.data).parent / PurePosixPath(
            *(part for part in PurePosixPath(value).parts if part not in ('..', '/'))
        )
        if leaves and os.path.isdir(self.source / inner):
            notes.append(Note('parent_path', f'{self.data}: {split}: {value}'))
            return str(inner)
        raise DataError(
            Fault(
                str(self.source / self.data),
                'file',
                split,
                f'folder {value!r} does not exist',
                f'correct the path, or pass --split {split}=FOLDER',
            )
        )

    def _items_of_folder(self, split: str, folder: str, notes: list[Note]) -> list[SourceItem]:
        names, others = list_images(self.source, folder)
        notes += others
        images = by_stem(names)
        label_folder = _label_folder(folder)
        labels = {}
        for path in sorted((self.source / label_folder).glob('*.txt')):
            name = str(PurePosixPath(label_folder) / path.name)
            if path.name == _CLASS_LIST and path.stem not in images:
                notes.append(Note('not_a_label', name))
            else:
                labels[path.stem] = name
        items = []
        for stem in sorted(set(images) | set(labels)):
            image, label = images.get(stem), labels.get(stem)
            keep, note = pair(label, image, unpaired=self.unpaired, unlabelled=self.unlabelled)
            notes += [note] if note else []
            if keep:
                items.append(SourceItem(split, image, f'{split}/{PurePosixPath(image).name}', label))
        return items

    def _check_class_list(self) -> list[Note]:
        path = PurePosixPath(self.data).parent / _CLASS_LIST
        if not (self.source / path).is_file() or not self._data:
            return []
        lines = read_text(self.source / path).splitlines()
        listed = [line.strip() for line in lines if line.strip()]
        names = self.declared_classes()
        return (
            []
            if listed == names
            else [Note('class_list_differs', f'{path} has {listed}, {self.data} has {names}')]
        )


def _label_folder(folder: str) -> str:
    parts = list(PurePosixPath(folder).parts)
    if 'images' in parts:
        parts[len(parts) - 1 - parts[::-1].index('images')] = 'labels'
    return str(PurePosixPath(*parts))


def read_lines(path: Path, file: str, names: list[str], size: tuple[int, int]) -> list[RawObject]:
    """Read a label file with one ``class cx cy w h`` per line.

    Args:
        path: The file.
        file: Its name, for messages.
        names: Class names in the order of their numbers.
        size: Width and height of the image in pixels.

    Raises:
        DataError: The file is no text, a line is not such a line, or its class or box is out of range.
    """
    lines = read_text(path, file).splitlines()
    return [
        _parse_line(line, names, size, file, f'line {index + 1}')
        for index, line in enumerate(lines)
        if line.strip()
    ]


def _parse_line(line: str, names: list[str], size: tuple[int, int], file: str, where: str) -> RawObject:
    words = line.split()
    if len(words) != 5:
        what = f'has {len(words)} values, not 5'
        mend = 'write class cx cy w h (polygons and scores are not read)'
        raise DataError(Fault(file, where, 'values', what, mend))
    try:
        number, (cx, cy, w, h) = int(words[0]), map(parse_number, words[1:])
    except ValueError:
        raise DataError(
            Fault(
                file,
                where,
                'values',
                f'{line.strip()!r} holds something that is not a number',
                'write class cx cy w h',
            )
        ) from None
    if not 0 <= number < len(names):
        known = ', '.join(f'{index} {name}' for index, name in enumerate(names))
        raise DataError(
            Fault(file, where, 'class', f'{number} is out of range ({known})', 'correct the number')
        )
    if not all(-1 <= value <= 2 for value in (cx, cy, w, h)):
        raise DataError(
            Fault(file, where, 'box', f'{words[1:]} is not normalised', 'divide by the image size')
        )
    width, height = size
    box = ((cx - w / 2) * width, (cy - h / 2) * height, (cx + w / 2) * width, (cy + h / 2) * height)
    return RawObject(names[number], box, where)
