"""The catalogue as text for a terminal: a table of all sets, and what is known about one."""

from collections.abc import Sequence
from pathlib import Path

from .checks import CLASSLESS_TASKS
from .entry import UNKNOWN, CatalogueEntry

COLUMNS = ('name', 'tasks', 'disease', 'images', 'converter', 'have', 'licence')


def list_entries(entries: Sequence[CatalogueEntry], data_root: Path) -> list[str]:
    """Make the table of the catalogue.

    Args:
        entries: Its entries.
        data_root: Folder of the converted sets; a set is there when ``<name>/annotations`` holds a file.

    Returns:
        The lines: headings and one per entry.
    """
    rows = [COLUMNS, *(_row(entry, data_root) for entry in entries)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(COLUMNS))]
    return ['  '.join(map(str.ljust, row, widths)).rstrip() for row in rows]


def describe_entry(entry: CatalogueEntry) -> list[str]:
    """Tell all that is known about a set, one line each, and how to convert it."""
    described = {
        'name': entry.name,
        'title': entry.title,
        'in the paper': '; '.join(f'{task}: {", ".join(rows)}' for task, rows in entry.paper_rows.items())
        or 'not listed',
        'tasks': ', '.join(entry.tasks),
        'disease': entry.disease,
        'stain': entry.stain,
        'magnification': entry.magnification,
        'images': _counts(entry),
        'classes': _classes(entry),
        'attributes': ', '.join(entry.attribute_values) or 'none',
        'address': entry.address,
        'version': entry.version,
        'licence': entry.licence,
        'citation': entry.citation,
        'shared images': ', '.join(entry.shares_images_with) or 'none known',
        'layout': entry.layout,
        'notes': entry.notes or 'none',
        'convert': _command(entry),
    }
    width = max(map(len, described))
    return [f'{name:{width}}  {" ".join(text.split())}' for name, text in described.items()]


def _row(entry: CatalogueEntry, data_root: Path) -> tuple[str, ...]:
    images = str(entry.expected.num_images) if entry.expected else UNKNOWN
    have = any((data_root / entry.name / 'annotations').glob('*.json'))
    tasks = ','.join(entry.tasks)
    texts = (
        entry.name,
        tasks,
        entry.disease,
        images,
        entry.converter,
        'yes' if have else 'no',
        entry.licence,
    )
    return tuple(' '.join(text.split()) for text in texts)


def _counts(entry: CatalogueEntry) -> str:
    if entry.expected is None:
        return UNKNOWN
    counts = entry.expected
    text = str(counts.num_images)
    if isinstance(counts.images, dict):
        text += f' ({", ".join(f"{split} {number}" for split, number in counts.images.items())})'
    if counts.objects is not None:
        objects = counts.objects
        text += f', {sum(objects.values()) if isinstance(objects, dict) else objects} objects'
    return text + (f'; {counts.source}' if counts.source else '')


def _classes(entry: CatalogueEntry) -> str:
    pairs = [old if old == new else f'{old} -> {new}' for old, new in entry.classes.items()]
    return ', '.join(pairs) or ('none' if set(entry.tasks) <= CLASSLESS_TASKS else UNKNOWN)


def _command(entry: CatalogueEntry) -> str:
    if not entry.has_converter:
        return 'no converter is written for this set yet'
    return f'python tools/prepare_data.py convert {entry.name} --src FOLDER --out data/{entry.name}'
