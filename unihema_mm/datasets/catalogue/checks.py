"""What makes an entry of the catalogue valid; every fault names file and field."""

from collections.abc import Callable, Sequence
from dataclasses import fields

from unihema_mm.structures.attribute_values import attribute_set_names
from unihema_mm.utils.errors import InputError
from unihema_mm.utils.names import nearest_names

from ..schema import SPLITS, TASKS, Fault
from ..taxonomy import load_taxonomy
from .entry import NO_CONVERTER, UNKNOWN, CatalogueEntry, ExpectedCounts

# Their records need no classes.
CLASSLESS_TASKS = frozenset({'seg', 'vqa', 'mlm'})


def check_fields(raw: dict, file: str, known: Sequence[str], required: Sequence[str]) -> list[Fault]:
    """Find the faults of the fields as they were read from YAML.

    Args:
        raw: Field -> value.
        file: File name, for messages.
        known: All fields.
        required: The fields that have no default.
    """
    faults = []
    for name in (*raw, *(name for name in required if name not in raw)):
        fault = _fault_of(name, raw, known)
        if fault:
            faults.append(Fault(file, 'entry', str(name), *fault))
    if not faults and not raw['classes'] and not set(raw['tasks']) <= CLASSLESS_TASKS:
        faults.append(Fault(file, 'entry', 'classes', 'is empty', 'write original name: taxonomy name'))
    if not faults and raw['classes'] == UNKNOWN and raw['converter'] != NO_CONVERTER:
        faults.append(
            Fault(file, 'entry', 'classes', 'is unknown', 'a set with a converter needs its classes')
        )
    return faults


def check_taxonomy(entry: CatalogueEntry, file: str) -> list[Fault]:
    """Find the classes of an entry that the taxonomy does not have, or has under another name.

    Args:
        entry: The entry.
        file: File name, for messages.
    """
    taxonomy = load_taxonomy()
    faults = []
    for name in entry.category_names:
        try:
            resolved = taxonomy.resolve(name)
        except InputError as error:
            faults.append(Fault(file, 'entry', 'classes', str(error), 'or add it to tree.yaml'))
            continue
        if resolved != name:
            faults.append(Fault(file, 'entry', 'classes', f'{name!r} is a synonym', f'write {resolved!r}'))
    return faults


def check_shared_images(entry: CatalogueEntry, file: str, names: Sequence[str]) -> list[Fault]:
    """Find the sets of ``shares_images_with`` that the catalogue does not have, or that are the set itself.

    Args:
        entry: The entry.
        file: File name, for messages.
        names: All sets of the catalogue.
    """
    others = [name for name in names if name != entry.name]
    return [
        Fault(
            file,
            'entry',
            'shares_images_with',
            f'{name!r} is no other set of the catalogue ({nearest_names(name, others)})',
            'correct or drop it',
        )
        for name in entry.shares_images_with
        if name not in others
    ]


def _fault_of(name: object, raw: dict, known: Sequence[str]) -> tuple[str, str] | None:
    """Tell what is wrong with a field and how to mend it; ``None`` for a good one."""
    if name not in known:
        return f'is not a field ({nearest_names(str(name), known)})', 'correct or drop it'
    if name not in raw:
        return 'is missing', 'add it, "unknown" where it is'
    is_good, mend = _RULES.get(name, (_is_text, 'write a text'))
    return None if is_good(raw[name]) else (f'is {raw[name]!r}', mend)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_class_map(value: object) -> bool:
    texts = isinstance(value, dict) and all(isinstance(x, str) for x in (*value, *value.values()))
    return texts or value == UNKNOWN


def _is_tasks(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(task in TASKS for task in value)


def _is_names(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_text, value)) and len(set(value)) == len(value)


def _is_paper_rows(value: object) -> bool:
    return (
        isinstance(value, dict)
        and set(value) <= set(TASKS)
        and all(
            isinstance(rows, list) and all(isinstance(row, str) for row in rows) for rows in value.values()
        )
    )


def _is_expected(value: object) -> bool:
    if value == UNKNOWN:
        return True
    known = {item.name for item in fields(ExpectedCounts)}
    if not isinstance(value, dict) or not {'exact', 'images'} <= set(value) <= known:
        return False
    counts = [count for name, count in value.items() if name not in ('exact', 'source')]
    flat = [n for item in counts for n in (item.values() if isinstance(item, dict) else [item])]
    splits = value['images'] if isinstance(value['images'], dict) else {}
    by_name = all(isinstance(value.get(name, {}), dict) for name in ('image_classes', 'masks'))
    return (
        isinstance(value['exact'], bool)
        and isinstance(value.get('source', ''), str)
        and by_name
        and all(type(n) is int and n >= 0 for n in flat)
        and all(split in SPLITS for split in splits)
    )


_RULES: dict[str, tuple[Callable[[object], bool], str]] = {
    'classes': (_is_class_map, 'write original name: taxonomy name, in quotes if needed'),
    'attributes': (
        lambda value: value in attribute_set_names(),
        f'use one of {", ".join(attribute_set_names())}',
    ),
    'parameters': (lambda value: isinstance(value, dict), 'write name: value'),
    'tasks': (_is_tasks, f'list any of {", ".join(TASKS)}'),
    'paper_rows': (_is_paper_rows, 'write task: [name, name]'),
    'shares_images_with': (_is_names, 'list names of sets of the catalogue, each once'),
    'expected': (
        _is_expected,
        f'write exact, images (a number or one per {", ".join(SPLITS)}) and what else is counted',
    ),
}
