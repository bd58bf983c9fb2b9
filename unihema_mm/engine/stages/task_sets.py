"""Which data sets serve a task, which do not, and how to get more."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from unihema_mm.datasets.catalogue import CatalogueEntry, entry_names, load_entry
from unihema_mm.datasets.schema import SPLITS
from unihema_mm.datasets.text_fields import TEXT_FIELDS
from unihema_mm.structures.attributes import AttributeSchema
from unihema_mm.utils.errors import InputError

from .prepared_sets import PreparedSet

# Tasks that are nothing without the attributes of the model.
_OF_ATTRIBUTES = frozenset({'morph'})
# Tasks that images may lack beside another task: what is not annotated is marked so, object by object.
_PER_OBJECT = _OF_ATTRIBUTES


@dataclass(frozen=True)
class TaskSets:
    """The data sets of a task.

    Attributes:
        task: Its key.
        needs: Tasks that an image must be for, to be used.
        sets: Those that serve it.
        left_out: Name of a chosen set that has images of the task and does not serve it -> why.
    """

    task: str
    needs: tuple[str, ...]
    sets: tuple[PreparedSet, ...]
    left_out: Mapping[str, str]

    def count(self, part: PreparedSet, split: str) -> int:
        """Number of images of a split of a set that are used."""
        return part.count(split, *self.needs)


def sets_of_task(task: str, part: Mapping, chosen: Sequence[PreparedSet]) -> TaskSets:
    """Find the sets of a task.

    Args:
        task: Its key.
        part: What the config says about its data: ``train``, whose ``task`` chooses the images;
            ``attributes``, the schema of the model.
        chosen: The sets of the stage.
    """
    needs = tuple(dict.fromkeys((task, part['train'].get('task', task))))
    sets, left_out = [], {}
    for candidate in chosen:
        if task not in candidate.tasks:
            continue
        if not any(candidate.count(split, *needs) for split in SPLITS):
            left_out[candidate.name] = f'has no image that is for both {" and ".join(needs)}'
        elif task in _OF_ATTRIBUTES and not has_attributes(candidate, part.get('attributes')):
            left_out[candidate.name] = 'has other attributes than the model'
        else:
            sets.append(candidate)
    return TaskSets(task, needs, tuple(sets), left_out)


def has_attributes(candidate: PreparedSet, schema: object) -> bool:
    """Whether the attributes of a set, at least one, are those of a schema or some of them.

    Args:
        candidate: The set.
        schema: See :meth:`AttributeSchema.build`; ``None`` for any.
    """
    if schema is None:
        return bool(candidate.attributes)
    known = AttributeSchema.build(schema).attributes
    return bool(candidate.attributes) and all(
        set(values) <= set(known.get(name, ())) for name, values in candidate.attributes.items()
    )


def kept_tasks(task: str, more: Iterable[str], part: Mapping, candidate: PreparedSet) -> tuple[str, ...]:
    """Tasks that the images of a task can be used for at once.

    Args:
        task: Task whose images are used.
        more: Tasks that the config asks for.
        part: What the config says about the data of the task.
        candidate: The set.

    Returns:
        Those of ``more`` that every image of ``task`` is for in all splits; of attributes it is enough that
        some are, in the schema of the model.
    """

    def fits(other: str) -> bool:
        if other in _OF_ATTRIBUTES and not has_attributes(candidate, part.get('attributes')):
            return False
        both = [candidate.count(split, task, other) for split in SPLITS]
        return (
            any(both) if other in _PER_OBJECT else both == [candidate.count(split, task) for split in SPLITS]
        )

    return tuple(other for other in more if other == task or fits(other))


def table_lines(
    found: Sequence[TaskSets],
    prepared: Sequence[PreparedSet],
    root: str | Path,
    entries: Sequence[CatalogueEntry],
) -> list[str]:
    """Tell for each task which sets are there, with their images, and which of the catalogue are missing.

    Args:
        found: Sets of each task.
        prepared: All sets below ``root``, chosen or not.
        root: Folder of the data folders.
        entries: The catalogue.
    """
    there = {part.dataset for part in prepared}
    lines = [f'data sets below {root} (images in train/val/test; {len(prepared)} folders are prepared)']
    for item in found:
        used = {part.name for part in item.sets}
        unused = [
            part.name
            for part in prepared
            if item.task in part.tasks and part.name not in (*used, *item.left_out)
        ]
        absent = [entry for entry in entries if item.task in entry.tasks and entry.name not in there]
        rows = {
            'there': ', '.join(f'{part.name} ({_counts(item, part)})' for part in item.sets) or 'none',
            'left out': '; '.join(f'{name} {why}' for name, why in item.left_out.items()),
            'not chosen': ', '.join(unused),
            'missing': ', '.join(entry.name for entry in absent if entry.has_converter),
            'missing, no converter': ', '.join(entry.name for entry in absent if not entry.has_converter),
        }
        lines += [f'  {item.task:5} {title}: {text}' for title, text in rows.items() if text]
    command = f'python tools/prepare_data.py convert NAME --src FOLDER --out {Path(root) / "NAME"}'
    return [*lines, f'  convert a missing one with: {command}']


def can_train(item: TaskSets) -> bool:
    """Whether a task has a set with a train list."""
    return any(item.count(part, 'train') for part in item.sets)


def check_sets(found: Iterable[TaskSets], root: str | Path) -> None:
    """Check that every task has a set to train on.

    Args:
        found: Sets of each task that is trained.
        root: Folder of the data folders.

    Raises:
        InputError: A task has none; the message names the commands that get or make one.
    """
    for item in found:
        if can_train(item):
            continue
        ways = [
            f'python tools/prepare_data.py list --task {item.task}',
            f'python tools/prepare_data.py synthetic --out {Path(root) / "synthetic"}',
        ]
        if item.task in TEXT_FIELDS:
            ways.append(f'python tools/prepare_data.py texts {Path(root) / "NAME"}')
        only = f' (only to evaluate: {", ".join(part.name for part in item.sets)})' if item.sets else ''
        raise InputError(
            f'stage.sets: none of the chosen sets below {root} is there to train the task {item.task}{only}; '
            f'get or make one with: {", or ".join(ways)}; then name it in stage.sets or leave that at "all"'
        )


def shared_image_lines(chosen: Sequence[PreparedSet], entries: Sequence[CatalogueEntry]) -> list[str]:
    """Warn of sets that hold the same images in other splits.

    Args:
        chosen: The sets of the stage.
        entries: The catalogue.
    """
    shared = {entry.name: set(entry.shares_images_with) for entry in entries}
    return [
        f'{one.name} and {other.name} hold some of the same images in other splits: what is trained on one '
        'is not unseen in the other, so their results are too good; leave one out with stage.sets'
        for one, other in combinations(chosen, 2)
        if other.dataset in shared.get(one.dataset, ())
        or one.dataset in shared.get(other.dataset, ())
        or (one.dataset == other.dataset and not one.is_generated)
    ]


def load_catalogue() -> list[CatalogueEntry]:
    """Load all entries of the catalogue."""
    return [load_entry(name) for name in entry_names()]


def _counts(item: TaskSets, part: PreparedSet) -> str:
    return '/'.join(str(item.count(part, split) or '-') for split in SPLITS)
