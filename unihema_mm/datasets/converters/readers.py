"""The formats, and the reader that an entry of the catalogue asks for."""

from dataclasses import MISSING, fields, replace
from pathlib import Path
from typing import Literal, get_args, get_origin, get_type_hints

from ..catalogue import CatalogueEntry
from ..prompts import DEFAULT_PROMPT
from ..schema import DataError, Fault
from .attribute_csv import AttributeCsvReader
from .box_csv import BoxCsvReader
from .class_csv import ClassCsvReader
from .class_folders import ClassFoldersReader
from .coco import CocoReader
from .kitti import KittiReader
from .mask_image import MaskImageReader
from .points import PointReader
from .row_column import RowColumnReader
from .source import Reader
from .split_rule import RULE_PARAMETERS
from .uni_hema_json import UniHemaJsonReader
from .uni_hema_records import ATTRIBUTE_SET
from .voc import VocReader
from .yolo import YoloReader
from .yolo_masks import YoloMasksReader

# Formats that can be read without an entry of the catalogue: of boxes, and of single cells.
BOX_FORMATS = {
    'voc': VocReader,
    'yolo': YoloReader,
    'coco': CocoReader,
    'kitti': KittiReader,
    'box_csv': BoxCsvReader,
}
CELL_FORMATS = {'class_folders': ClassFoldersReader}
OWN_FORMATS = {**BOX_FORMATS, **CELL_FORMATS, 'uni_hema_json': UniHemaJsonReader}
FORMATS = {
    **OWN_FORMATS,
    'row_column': RowColumnReader,
    'points': PointReader,
    'yolo_masks': YoloMasksReader,
    'mask_image': MaskImageReader,
    'attribute_csv': AttributeCsvReader,
    'class_csv': ClassCsvReader,
}


def make_reader(entry: CatalogueEntry, source: str | Path) -> Reader:
    """Build the reader that an entry names.

    Raises:
        DataError: The source folder, the format or a parameter does not exist, or the set has no converter.
    """
    if not entry.has_converter:
        raise DataError(
            Fault(
                f'{entry.name}.yaml',
                'entry',
                'converter',
                'is none: the set is described, but no converter is written for it yet',
                f'see "show {entry.name}" for how to get it, and convert your copy as data of your own '
                f'({", ".join(OWN_FORMATS)}) or by a .yaml file of your own',
            )
        )
    source = Path(source)
    if not source.is_dir():
        raise DataError(Fault(str(source), 'folder', 'path', 'does not exist', 'check --src'))
    if entry.converter not in FORMATS:
        raise DataError(
            Fault(
                f'{entry.name}.yaml',
                'entry',
                'converter',
                f'{entry.converter!r} is not a format',
                f'use one of {", ".join(FORMATS)}',
            )
        )
    reader = FORMATS[entry.converter]
    known = [*(item.name for item in fields(reader) if item.name != 'source'), *RULE_PARAMETERS]
    for name in entry.parameters:
        if name not in known:
            raise DataError(
                Fault(
                    f'{entry.name}.yaml',
                    'entry',
                    f'parameters.{name}',
                    f'is not a parameter of {entry.converter}',
                    f'use {", ".join(known)}',
                )
            )
    faults = [
        Fault(
            f'{entry.name}.yaml',
            'entry',
            f'parameters.{name}',
            f'is {entry.parameters[name]!r}',
            f'use one of {", ".join(get_args(kind))}',
        )
        for name, kind in get_type_hints(reader).items()
        if get_origin(kind) is Literal and entry.parameters.get(name, get_args(kind)[0]) not in get_args(kind)
    ]
    missing = [
        Fault(f'{entry.name}.yaml', 'entry', f'parameters.{item.name}', 'is missing', 'add it')
        for item in fields(reader)
        if item.name not in ('source', *entry.parameters)
        and item.default is MISSING
        and item.default_factory is MISSING
    ]
    if faults or missing:
        raise DataError(faults + missing)
    own = {name: value for name, value in entry.parameters.items() if name not in RULE_PARAMETERS}
    return reader(source, **own)


def own_entry(
    converter: str,
    source: str | Path,
    name: str,
    parameters: dict | None = None,
    *,
    classes: dict[str, str] | None = None,
    prompt: str = DEFAULT_PROMPT,
    licence: str = 'unknown',
) -> CatalogueEntry:
    """Make the entry of a user's own data, which the catalogue does not hold.

    Args:
        converter: One of :data:`OWN_FORMATS`.
        source: Folder in the original layout.
        name: Name of the data set.
        parameters: Arguments of the format's reader.
        classes: Class name of the source -> class name to write; by default the classes that the source
            declares. For YOLO labels without data.yaml they are numbered in this order.
        prompt: Disease or cell words of its prompts.
        licence: Licence of the data.

    Raises:
        DataError: The format declares no classes and none are given; the message names those found.
    """
    parameters = dict(parameters or {})
    if converter == 'yolo' and classes:
        parameters['names'] = tuple(classes)
    tasks = ['cls'] if converter in CELL_FORMATS else ['det']
    entry = CatalogueEntry(name, dict(classes or {}), converter, parameters, prompt, tasks, licence=licence)
    if converter == 'uni_hema_json':
        tasks = make_reader(entry, source).declared_tasks()
        entry = replace(entry, tasks=tasks, attributes=ATTRIBUTE_SET if 'morph' in tasks else '')
    if classes:
        return entry
    reader = make_reader(entry, source)
    names = reader.declared_classes()
    if names is None:
        found = ', '.join(reader.found_classes()) or 'no class'
        raise DataError(
            Fault(
                str(source),
                'source',
                'classes',
                f'{converter} files have no class list',
                f'pass --classes; these use {found}',
            )
        )
    return replace(entry, classes={name: name for name in names})
