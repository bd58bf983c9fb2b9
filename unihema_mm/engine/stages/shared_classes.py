"""The classes that a model tells apart, the same in all stages and data sets."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from unihema_mm.datasets.label_space import as_class_names, nearest_label
from unihema_mm.datasets.taxonomy import load_taxonomy, paper_labels
from unihema_mm.utils.errors import InputError
from unihema_mm.utils.names import nearest_names

from .prepared_sets import PreparedSet

PAPER, PREPARED = 'paper', 'prepared'
# Task -> list of the paper that its classes belong to; tasks of one list share a head of the model.
CLASS_LISTS = {'det': 'detection', 'morph': 'detection', 'inst': 'detection', 'cls': 'classification'}


@dataclass(frozen=True)
class SharedClasses:
    """Label space of a head of the model.

    Attributes:
        classes: Class names, in the order of the logits.
        coarser: Name of a set -> its classes that become an ancestor -> that ancestor.
    """

    classes: tuple[str, ...]
    coarser: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def shared_classes(parts: Mapping[str, Mapping], chosen: Sequence[PreparedSet]) -> dict[str, SharedClasses]:
    """Make the label spaces of the tasks of a config.

    They depend on all tasks of the config, not on those of a stage, so that its weights fit the next one.

    Args:
        parts: Task -> what the config says about its data, with ``classes``: ``'paper'`` for the classes of
            the paper (28 of boxes, 42 of cells: several of its 29 and 45 labels name one class),
            ``'prepared'`` for those of ``chosen`` in the order of the taxonomy, names that it lacks behind
            them; or a list of names. A class that is not in the list becomes its nearest ancestor there.
        chosen: Data sets.

    Returns:
        Name of the list, ``'detection'`` or ``'classification'`` -> its label space. A list is left out where
        no task asks for it, and ``'prepared'`` where no set has such classes.

    Raises:
        InputError: A list is malformed, tasks of one head have different ones, or a class of a set has
            neither itself nor an ancestor in it.
    """
    asked: dict[str, object] = {}
    for task, part in parts.items():
        if part.get('classes') is None:
            continue
        if task not in CLASS_LISTS:
            raise InputError(f'stage_data.{task}.classes: this task has no classes; leave it out')
        other = asked.setdefault(CLASS_LISTS[task], part['classes'])
        if _plain(other) != _plain(part['classes']):
            raise InputError(
                f'stage_data.{task}.classes: is {part["classes"]!r}, but {other!r} in another task that uses '
                'the same head; write the same'
            )
    spaces = {}
    for kind, classes in asked.items():
        having = [part for part in chosen if any(CLASS_LISTS.get(task) == kind for task in part.tasks)]
        names = _class_names(kind, classes, having)
        if names:
            spaces[kind] = SharedClasses(
                names, {part.name: found for part in having if (found := _coarser(kind, part, names))}
            )
    return spaces


def _plain(classes: object) -> object:
    return classes if isinstance(classes, str) or not isinstance(classes, Sequence) else tuple(classes)


def _class_names(kind: str, classes: object, sets: Sequence[PreparedSet]) -> tuple[str, ...]:
    if classes == PAPER:
        return tuple(dict.fromkeys(map(load_taxonomy().resolve, paper_labels(kind).values())))
    if classes == PREPARED:
        found = dict.fromkeys(_resolved(name) for part in sets for name in _classes_of(kind, part))
        order = {name: place for place, name in enumerate(load_taxonomy())}
        return tuple(sorted(found, key=lambda name: (order.get(name, len(order)), name)))
    names = as_class_names(classes, f'classes of {kind}')
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(_resolved(name), name)
        if other != name:
            raise InputError(f'classes of {kind}: {name!r} is the same class as {other!r}; drop one of them')
    return names


def _resolved(name: str) -> str:
    """Name of the class in the taxonomy; the name itself where it does not have it."""
    try:
        return load_taxonomy().resolve(name)
    except InputError:
        return name


def _classes_of(kind: str, part: PreparedSet) -> Iterable[str]:
    """Its categories, and the classes of its cells beside them."""
    return dict.fromkeys((*part.categories, *(part.image_classes if kind == CLASS_LISTS['cls'] else ())))


def _coarser(kind: str, part: PreparedSet, space: tuple[str, ...]) -> dict[str, str]:
    coarser = {}
    for name in _classes_of(kind, part):
        label = nearest_label(name, space)
        if label is None:
            raise InputError(
                f'{part.root}: class {name!r} and its ancestors are not among the classes of {kind} '
                f'({nearest_names(name, space)}); add it to classes in stage_data, or leave the set out with '
                'stage.sets'
            )
        if _resolved(label) != _resolved(name):
            coarser[name] = label
    return coarser
