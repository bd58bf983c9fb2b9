"""Looks class names up in the taxonomy."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

import yaml

from unihema_mm.utils.errors import InputError
from unihema_mm.utils.names import close_names

PAPER_TASKS = ('detection', 'classification')


@dataclass(frozen=True)
class Taxonomy:
    """A tree of classes.

    Attributes:
        version: Version of the tree.
        parents: Class -> its parent; ``None`` for the root. Parents stand before their children.
        synonyms: Class -> its other names, as they are written in the data.
        spellings: Every name in its normal form (lower case, single blanks) -> the class it stands for.
    """

    version: str
    parents: Mapping[str, str | None]
    synonyms: Mapping[str, tuple[str, ...]]
    spellings: Mapping[str, str]

    def __iter__(self) -> Iterator[str]:
        return iter(self.parents)

    def __len__(self) -> int:
        return len(self.parents)

    def resolve(self, name: str) -> str:
        """Find the class that a name stands for.

        Args:
            name: A class or a synonym; case, blanks, ``_`` and ``-`` do not matter.

        Returns:
            The class, e.g. ``'segmented neutrophil'`` for ``'NGS'``.

        Raises:
            InputError: The taxonomy does not have it; the message suggests the nearest classes.
        """
        found = self.spellings.get(_normal(name)) if isinstance(name, str) else None
        if found is None:
            raise InputError(
                f'class {name!r} is not in the taxonomy ({self._suggest(name)}); '
                'use a name of docs/reference/taxonomy.md'
            )
        return found

    def ancestors(self, name: str) -> tuple[str, ...]:
        """List the classes above a class, from its parent to the root.

        Raises:
            InputError: The taxonomy does not have it.
        """
        above = []
        parent = self.parents[self.resolve(name)]
        while parent is not None:
            above.append(parent)
            parent = self.parents[parent]
        return tuple(above)

    def is_a(self, name: str, ancestor: str) -> bool:
        """Tell whether a class is another one or below it; a segmented neutrophil is a WBC.

        Raises:
            InputError: The taxonomy does not have one of them.
        """
        return self.resolve(ancestor) in (self.resolve(name), *self.ancestors(name))

    def nearest(self, name: str) -> list[str]:
        """List up to three classes that a name may mean, the nearest first; empty where none is similar."""
        near = close_names(_normal(name), list(self.spellings))
        return list(dict.fromkeys(self.spellings[spelling] for spelling in near))

    def _suggest(self, name: object) -> str:
        classes = self.nearest(str(name))
        return f'nearest: {", ".join(classes)}' if classes else 'no class has a similar name'


def read_taxonomy(text: str, file: str) -> Taxonomy:
    """Read and check the YAML text of a tree.

    Args:
        text: ``version``, and ``classes``: class -> ``parent`` and ``synonyms``.
        file: File name, for messages.

    Raises:
        InputError: A parent does not stand before its child, there is not one root, or a name stands for
            two classes.
    """
    raw = yaml.safe_load(text)
    parents, synonyms, spellings = {}, {}, {}
    for name, fields in raw['classes'].items():
        parent = fields.get('parent')
        is_placed = parent in parents if parents else parent is None
        if not is_placed:
            raise InputError(f'{file}: {name}: parent: is {parent!r}; name a class that stands before it')
        for key in fields.keys() - {'parent', 'synonyms'}:
            raise InputError(f'{file}: {name}: {key}: is not a field; write parent and synonyms')
        parents[name], synonyms[name] = parent, tuple(fields.get('synonyms', ()))
        for spelling in (name, *synonyms[name]):
            other = spellings.setdefault(_normal(spelling), name)
            if other != name:
                raise InputError(f'{file}: {name}: {spelling!r} stands for {other} too; drop one of them')
    return Taxonomy(str(raw['version']), parents, synonyms, spellings)


@cache
def load_taxonomy() -> Taxonomy:
    """Load the taxonomy of this package."""
    return read_taxonomy(_text('tree.yaml'), 'tree.yaml')


def paper_labels(task: str) -> dict[int, str]:
    """Load a label list of the released model.

    Args:
        task: ``'detection'`` (ids 1 to 29 of 30 logits) or ``'classification'`` (ids 0 to 44).

    Returns:
        Id of the logit -> its name there, which :meth:`Taxonomy.resolve` understands.

    Raises:
        InputError: There is no such list.
    """
    if task not in PAPER_TASKS:
        raise InputError(f'label list {task!r} is not known; use one of {", ".join(PAPER_TASKS)}')
    return yaml.safe_load(_text('paper_labels.yaml'))[task]


def _text(name: str) -> str:
    return (resources.files(__package__) / name).read_text(encoding='utf-8')


def _normal(name: str) -> str:
    return re.sub(r'[\s_-]+', ' ', name).strip().lower()
