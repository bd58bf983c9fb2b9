"""Reads the entries of the catalogue."""

from dataclasses import MISSING, fields
from importlib import resources
from pathlib import Path

import yaml

from unihema_mm.utils.names import nearest_names

from ..schema import DataError, Fault
from .checks import check_fields, check_shared_images, check_taxonomy
from .entry import UNKNOWN, CatalogueEntry, ExpectedCounts


def entry_names() -> list[str]:
    """List the data sets of the catalogue."""
    return sorted(Path(file.name).stem for file in _folder().iterdir() if file.name.endswith('.yaml'))


def load_entry(name: str) -> CatalogueEntry:
    """Load one entry.

    Args:
        name: The name of a set of the catalogue, e.g. ``'bccd'``, whose classes must be in the taxonomy, or
            the path of a ``.yaml`` file outside the catalogue, whose classes are free.

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
                'use a name that the command list prints, a format of your own data (coco, ...) '
                'or a .yaml file for your data',
            )
        )
    file = f'{name}.yaml'
    entry = read_entry((_folder() / file).read_text(encoding='utf-8'), file)
    faults = [*check_taxonomy(entry, file), *check_shared_images(entry, file, names)]
    if faults:
        raise DataError(faults)
    return entry


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
    known = [item.name for item in fields(CatalogueEntry)]
    required = [item.name for item in fields(CatalogueEntry) if _is_required(item)]
    faults = check_fields(raw, file, known, required)
    if faults:
        raise DataError(faults)
    if raw['classes'] == UNKNOWN:
        raw['classes'] = {}
    if raw.get('expected') == UNKNOWN:
        raw['expected'] = None
    elif 'expected' in raw:
        raw['expected'] = ExpectedCounts(**raw['expected'])
    return CatalogueEntry(**raw)


def _is_required(item) -> bool:
    return item.default is MISSING and item.default_factory is MISSING


def _load_file(path: Path) -> CatalogueEntry:
    try:
        text = path.read_text(encoding='utf-8-sig')
    except (OSError, UnicodeDecodeError) as fault:
        what = f'cannot be read ({getattr(fault, "strerror", None) or "it is not UTF-8"})'
        raise DataError(Fault(str(path), 'file', 'path', what, 'name a catalogue entry as YAML')) from None
    return read_entry(text, str(path))


def _folder():
    return resources.files(__package__)


def _one_line(fault: Exception) -> str:
    return ' '.join(str(fault).split())
