"""Entries of the catalogue of public data sets."""

from dataclasses import MISSING, dataclass, field, fields
from importlib import resources
from pathlib import Path

import yaml

from unihema_mm.structures.attribute_values import (
    AttributeValues,
    attribute_set_names,
    load_attribute_values,
)
from unihema_mm.utils.names import nearest_names

from ..schema import SPLITS, TASKS, DataError, Fault


@dataclass(frozen=True)
class ExpectedCounts:
    """Counts that a full conversion has.

    Attributes:
        exact: Whether a difference is an error; else it is reported.
        images: Number of images, or split -> number.
        objects: Number of objects, or class -> number; ``None`` where it is not compared.
        image_classes: Class -> number of images; ``None`` where it is not compared.
        masks: Prompt -> number of images with that mask target; ``None`` where it is not compared.
    """

    exact: bool
    images: int | dict[str, int]
    objects: int | dict[str, int] | None = None
    image_classes: dict[str, int] | None = None
    masks: dict[str, int] | None = None


@dataclass(frozen=True)
class CatalogueEntry:
    """What is known about one data set; ``'unknown'`` where it is not.

    Attributes:
        name: Short name, the one of the command line.
        classes: Class name of the source -> class name of the taxonomy, in the order of the categories; empty
            only for sets that are for ``seg`` alone.
        converter: Name of the format, see :mod:`unihema_mm.datasets.converters`.
        parameters: Arguments of the format's reader.
        prompt: Disease or cell words that fill the prompts of its records.
        tasks: Tasks that its records may be used for.
        title: Name as published.
        disease: Disease of the patients.
        stain: Stain of the smears.
        magnification: Magnification of the objective.
        address: Where the data are published.
        version: Version or commit the entry was written for.
        licence: Licence of the data.
        citation: How to cite them.
        attributes: Name of the shipped attribute set that its attributes belong to; empty where it has none.
        expected: Counts of a full conversion.
        notes: Known quirks.
    """

    name: str
    classes: dict[str, str]
    converter: str
    parameters: dict
    prompt: str
    tasks: list[str]
    title: str = 'unknown'
    disease: str = 'unknown'
    stain: str = 'unknown'
    magnification: str = 'unknown'
    address: str = 'unknown'
    version: str = 'unknown'
    licence: str = 'unknown'
    citation: str = 'unknown'
    attributes: str = ''
    expected: ExpectedCounts | None = None
    notes: str = field(default='')

    @property
    def category_names(self) -> list[str]:
        """Class names after the map, each once, in the order of the map."""
        return list(dict.fromkeys(self.classes.values()))

    @property
    def attribute_values(self) -> AttributeValues:
        """Attribute name -> its values; empty where the set has no attributes."""
        return load_attribute_values(self.attributes) if self.attributes else {}


def entry_names() -> list[str]:
    """List the data sets of the catalogue."""
    return sorted(Path(file.name).stem for file in _folder().iterdir() if file.name.endswith('.yaml'))


def load_entry(name: str) -> CatalogueEntry:
    """Load one entry of the catalogue.

    Args:
        name: Its name, e.g. ``'bccd'``, or the path of a ``.yaml`` file outside the catalogue.

    Raises:
        DataError: There is no such entry, or it is faulty.
    """
    if name.endswith('.yaml'):
        return _load_file(Path(name))
    names = entry_names()
    if name not in names:
        raise DataError(
            Fault(
                'catalogue',
                name,
                'name',
                f'is not a known data set ({nearest_names(name, names)})',
                f'use one of {", ".join(names)}, a format (voc, yolo, coco) or a .yaml file for your data',
            )
        )
    return read_entry((_folder() / f'{name}.yaml').read_text(encoding='utf-8'), f'{name}.yaml')


def _load_file(path: Path) -> CatalogueEntry:
    try:
        text = path.read_text(encoding='utf-8-sig')
    except (OSError, UnicodeDecodeError) as fault:
        what = f'cannot be read ({getattr(fault, "strerror", None) or "it is not UTF-8"})'
        raise DataError(Fault(str(path), 'file', 'path', what, 'name a catalogue entry as YAML')) from None
    return read_entry(text, str(path))


def read_entry(text: str, file: str) -> CatalogueEntry:
    """Read and check the YAML text of an entry.

    Args:
        text: YAML text.
        file: File name, for messages.

    Raises:
        DataError: A field is missing, unknown or of the wrong type.
    """
    try:
        raw = yaml.safe_load(text)
    except yaml.YAMLError as fault:
        raise DataError(
            Fault(file, 'file', 'content', f'is not YAML ({_one_line(fault)})', 'correct it')
        ) from None
    if not isinstance(raw, dict):
        raise DataError(Fault(file, 'file', 'content', f'is {raw!r}', 'write the fields of an entry'))
    known = {item.name: item for item in fields(CatalogueEntry)}
    faults = [
        Fault(
            file,
            'entry',
            key,
            f'is not a field ({nearest_names(str(key), list(known))})',
            'correct or drop it',
        )
        for key in raw
        if key not in known
    ]
    for name, item in known.items():
        if name in raw:
            faults += _check_field(name, raw[name], file)
        elif item.default is MISSING:
            faults.append(Fault(file, 'entry', name, 'is missing', 'add it, "unknown" where it is'))
    if not faults and not raw['classes'] and raw['tasks'] != ['seg']:
        faults.append(Fault(file, 'entry', 'classes', 'is empty', 'write original name: taxonomy name'))
    if faults:
        raise DataError(faults)
    if 'expected' in raw:
        raw['expected'] = ExpectedCounts(**raw['expected'])
    return CatalogueEntry(**raw)


def _folder():
    return resources.files(__package__)


def _one_line(fault: Exception) -> str:
    return ' '.join(str(fault).split())


def _check_field(name: str, value: object, file: str) -> list[Fault]:
    def fault(what: str, mend: str) -> list[Fault]:
        return [Fault(file, 'entry', name, what, mend)]

    if name == 'classes':
        texts = isinstance(value, dict) and all(isinstance(x, str) for x in (*value, *value.values()))
        return (
            [] if texts else fault(f'is {value!r}', 'write original name: taxonomy name, in quotes if needed')
        )
    if name == 'attributes':
        known = attribute_set_names()
        return [] if value in known else fault(f'is {value!r}', f'use one of {", ".join(known)}')
    if name == 'parameters':
        return [] if isinstance(value, dict) else fault(f'is {value!r}', 'write name: value')
    if name == 'tasks':
        good = isinstance(value, list) and value and all(task in TASKS for task in value)
        return [] if good else fault(f'is {value!r}', f'list any of {", ".join(TASKS)}')
    if name == 'expected':
        return (
            []
            if _is_expected(value)
            else fault(
                f'is {value!r}',
                f'write exact, images (a number or one per {", ".join(SPLITS)}) and what else is counted',
            )
        )
    return [] if isinstance(value, str) else fault(f'is {value!r}', 'write a text')


def _is_expected(value: object) -> bool:
    known = {item.name for item in fields(ExpectedCounts)}
    if not isinstance(value, dict) or not {'exact', 'images'} <= set(value) <= known:
        return False
    counts = [count for name, count in value.items() if name != 'exact']
    flat = [n for item in counts for n in (item.values() if isinstance(item, dict) else [item])]
    splits = value['images'] if isinstance(value['images'], dict) else {}
    by_name = all(isinstance(value.get(name, {}), dict) for name in ('image_classes', 'masks'))
    return (
        isinstance(value['exact'], bool)
        and by_name
        and all(isinstance(n, int) and n >= 0 for n in flat)
        and all(split in SPLITS for split in splits)
    )
