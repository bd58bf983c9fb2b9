"""The one place where category ids of a file become contiguous labels of a model."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from unihema_mm.utils.errors import InputError
from unihema_mm.utils.names import nearest_names

from .schema import DataError, Fault
from .taxonomy import load_taxonomy


def as_class_names(classes: object, where: str) -> tuple[str, ...]:
    """Check a list of class names from a config.

    Args:
        classes: What the config holds.
        where: The field, for the message.

    Returns:
        The names.

    Raises:
        DataError: It is a string, as ``('wbc')`` without a comma is, or names are repeated.
    """
    if isinstance(classes, str):
        raise DataError(
            Fault(
                'config',
                'dataset',
                where,
                f'is the string {classes!r}, not a list of names',
                f'write ({classes!r},) with a comma, or [{classes!r}]',
            )
        )
    names = tuple(classes)
    if not names or not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        raise DataError(Fault('config', 'dataset', where, f'is {list(names)}', 'list each class name once'))
    return names


@cache
def nearest_label(name: str, space: tuple[str, ...], ancestors: bool = True) -> str | None:
    """Find the class of a label space that stands for a class.

    Args:
        name: Class, by any name.
        space: Class names of the label space.
        ancestors: Whether the nearest ancestor in the taxonomy stands for a class that the space lacks, RBC
            for a burr cell. Then names that the taxonomy knows as one class are the same.

    Returns:
        A name of ``space``; ``None`` where it has none for the class.
    """
    if name in space:
        return name
    if not ancestors:
        return None
    known = {lineage[0]: label for label in reversed(space) if (lineage := _lineage(label))}
    return next((known[place] for place in _lineage(name) if place in known), None)


def attributes_of_class(
    values: Mapping[str, Any], name: str, annotated: Mapping[str, Sequence[str]] | None
) -> dict[str, Any]:
    """Keep the attributes that cells of a class have; the others were never learned for it.

    Args:
        values: Attribute -> whatever belongs to it.
        name: Class of the cell.
        annotated: Class -> attributes that its cells had in the training; ``None`` where this is not known.
            A class that it lacks has those of its nearest ancestor there, see :func:`nearest_label`.

    Returns:
        A part of ``values``; all of it where ``annotated`` is ``None``.
    """
    if annotated is None:
        return dict(values)
    known = annotated.get(nearest_label(name, tuple(annotated)), ())
    return {attribute: value for attribute, value in values.items() if attribute in known}


def make_label_space(
    categories: Sequence[dict],
    file: str,
    declared: Sequence[str] | None = None,
    shared: Sequence[str] | None = None,
    ancestors: bool = False,
) -> tuple[tuple[str, ...], dict[int, int]]:
    """Map the category ids of a file to labels 0, 1, 2, ...

    Args:
        categories: Category records of the file; ids may have gaps.
        file: Name of the file, for messages.
        declared: Class names of ``metainfo``; they must be those of the file, in its order.
        shared: Class names of a label space shared by several sets; may hold more than the file.
        ancestors: Whether a class that ``shared`` lacks takes the label of its nearest ancestor there; see
            :func:`nearest_label`. Then several categories may have one label.

    Returns:
        The class names, and category id -> label.

    Raises:
        DataError: The file has no category, ``declared`` differs from it, or a category of the file has no
            label in ``shared``.
    """
    names = tuple(category['name'] for category in categories)
    if not names:
        raise DataError(Fault(file, 'file', 'categories', 'is empty', 'add {"id": 1, "name": ...} per class'))
    if declared is not None and tuple(declared) != names:
        what = 'names in another order than' if set(declared) == set(names) else 'other names than'
        raise DataError(
            Fault(
                file,
                'file',
                'categories',
                f'{what} metainfo.classes: the file has {list(names)}, metainfo has {list(declared)}',
                'drop metainfo.classes (the names are read from the file), or use classes= '
                'for a label space shared by several sets',
            )
        )
    space = names if shared is None else tuple(shared)
    labels = {name: nearest_label(name, space, ancestors and shared is not None) for name in names}
    unknown = [name for name in names if labels[name] is None]
    if unknown:
        absent = 'and its ancestors are not' if ancestors else 'is not'
        raise DataError(
            [
                Fault(
                    file,
                    'file',
                    'categories',
                    f'class {name!r} {absent} in classes ({nearest_names(name, space)})',
                    'correct the name, or add it to classes',
                )
                for name in unknown
            ]
        )
    return space, {category['id']: space.index(labels[category['name']]) for category in categories}


def _lineage(name: str) -> tuple[str, ...]:
    """The class of a name and those above it; empty where the taxonomy does not have it."""
    try:
        return (load_taxonomy().resolve(name), *load_taxonomy().ancestors(name))
    except InputError:
        return ()
