"""Reader of the row and column JSON of BBBC041."""

import json
import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ..boxes import is_number
from ..image_files import IMAGE_SUFFIXES
from ..schema import SPLITS, DataError, Fault
from ..validation.structure import fault_of_path
from .source import Content, MissingPolicy, Note, RawObject, SourceItem, pair
from .splitting import check_split_names
from .texts import read_text

_CORNERS = (('minimum', 'c'), ('minimum', 'r'), ('maximum', 'c'), ('maximum', 'r'))
_READ = {'image', 'objects', 'pathname', 'shape', 'bounding_box', 'category'}


@dataclass(frozen=True)
class RowColumnReader:
    """BBBC041: one JSON list per split, boxes as minimum and maximum row (``r``) and column (``c``).

    Each record has ``image`` (``pathname``, ``shape``) and ``objects`` (``category``, ``bounding_box``).

    Args:
        source: The source folder.
        splits: Split -> JSON file relative to the source folder. A split whose file is not there is left out.
        images: Folder that the path names start from, relative to the source folder. An image may have
            another suffix than its path name.
        unpaired: What to do with a record without image.
    """

    source: Path
    splits: dict[str, str]
    images: str = '.'
    unpaired: MissingPolicy = 'error'

    def declared_classes(self) -> None:
        """The files declare no class list."""
        return None

    def items(self) -> tuple[list[SourceItem], list[Note]]:
        """List the images of all splits with their objects."""
        check_split_names(self.splits, SPLITS)
        items, notes = [], []
        for split, file in self.splits.items():
            if not (self.source / file).is_file():
                notes.append(Note('split_missing', f'{split}: {file}'))
                continue
            records = _load(self.source / file, file)
            for index, record in enumerate(records):
                items += self._item(record, split, f'record {index + 1}', file, notes)
            notes += _dropped_keys(records, file)
        return sorted(items, key=lambda item: (SPLITS.index(item.split), item.target)), notes

    def read(self, item: SourceItem, size: tuple[int, int]) -> Content:
        """Unpack the objects of one image."""
        if item.size != size:
            what = f'is {size[0]}x{size[1]}, its record says {item.size[0]}x{item.size[1]}'
            mend = 'check that record and image belong together'
            raise DataError(Fault(item.image, 'image', 'size', what, mend))
        return Content([RawObject(record['name'], record['box'], record['where']) for record in item.objects])

    def _item(self, record: object, split: str, where: str, file: str, notes: list[Note]) -> list[SourceItem]:
        image = _get(record, 'image', dict, where, file)
        name = _get(image, 'pathname', str, where, file, 'image.').removeprefix('/')
        fault = fault_of_path(name)
        if fault:
            mend = 'write a path below the image folder'
            raise DataError(Fault(file, where, 'image.pathname', fault, mend))
        shape = _get(image, 'shape', dict, where, file, 'image.')
        size = tuple(_get(shape, key, int, where, file, 'image.shape.') for key in ('c', 'r'))
        objects = tuple(
            _object(item, f'{file}: {where}, object {index + 1}')
            for index, item in enumerate(_get(record, 'objects', list, where, file))
        )
        found = self._find(name)
        keep, note = pair(f'{file}: {where}: {name}', found, unpaired=self.unpaired, unlabelled='error')
        notes += [note] if note else []
        return [SourceItem(split, found, PurePosixPath(found).name, None, objects, size)] if keep else []

    def _find(self, name: str) -> str | None:
        path = PurePosixPath(self.images) / name
        if not PurePosixPath(name).name:
            return None
        names = [path, *(path.with_suffix(suffix) for suffix in sorted(IMAGE_SUFFIXES))]
        return next((str(name) for name in names if os.path.isfile(self.source / name)), None)


def _load(path: Path, file: str) -> list:
    text = read_text(path, file)
    try:
        records = json.loads(text)
    except (ValueError, RecursionError) as fault:
        what = f'is not whole JSON ({fault})'
        raise DataError(Fault(file, 'file', 'content', what, 'copy the file again from its source')) from None
    if not isinstance(records, list):
        what = f'is a {type(records).__name__}'
        raise DataError(Fault(file, 'file', 'content', what, 'must be a list of records'))
    return records


def _get(record: object, key: str, kind: type, where: str, file: str, prefix: str = ''):
    value = record.get(key) if isinstance(record, dict) else None
    if not isinstance(value, kind) or isinstance(value, bool):
        names = {dict: 'an object', list: 'a list', str: 'a text', int: 'a whole number'}
        raise DataError(Fault(file, where, f'{prefix}{key}', f'is {value!r:.60}', f'must be {names[kind]}'))
    return value


def _object(record: object, where: str) -> dict:
    file, _, place = where.partition(': ')
    name = _get(record, 'category', str, place, file)
    corners = _get(record, 'bounding_box', dict, place, file)
    box = []
    for end, axis in _CORNERS:
        value = _get(corners, end, dict, place, file, 'bounding_box.').get(axis)
        if not is_number(value):
            field = f'bounding_box.{end}.{axis}'
            raise DataError(Fault(file, place, field, f'is {value!r:.60}', 'must be a finite number'))
        box.append(value)
    return {'name': name, 'box': tuple(box), 'where': where}


def _dropped_keys(records: list[dict], file: str) -> list[Note]:
    kinds = {
        'image': [record['image'] for record in records],
        'objects': [item for record in records for item in record['objects']],
    }
    return [
        Note('keys_dropped', f'{file}: {kind}: {key}')
        for kind, items in kinds.items()
        for key in sorted({key for item in items for key in item} - _READ)
    ]
