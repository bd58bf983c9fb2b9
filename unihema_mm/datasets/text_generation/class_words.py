"""What the classes of a set are called in a sentence, and which of them may be asked about."""

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from importlib import resources

import yaml

from unihema_mm.utils.errors import InputError

from ..taxonomy import load_taxonomy

_ANY_CELL = 'cell'


class ClassWords:
    """Words for the classes of one set.

    Classes are names of the taxonomy or names of one's own; of the latter nothing is known but that they
    differ. Where a set has a class and another one below it, such as WBC and neutrophil, a box of the upper
    class may be any of the lower ones, so the upper class is not counted, and neither is the lower one in an
    image that has a box of the upper one. Classes that are called by the same words, such as RBC and
    erythrocyte, cannot be told apart in a question, so they are treated as vague.

    Args:
        names: The classes that the set annotates.
        dataset: Name of the set, for what is known about it.

    Attributes:
        names: The classes that may be asked about, in the order of the set.
        always_present: Those that every image of the set shows.
    """

    def __init__(self, names: Sequence[str], dataset: str = '') -> None:
        facts = _facts()
        self._tree = load_taxonomy()
        self._resolved = {name: self._resolve(name) for name in names}
        known = [name for name in self._resolved.values() if name]
        self._has_infected = any(self._tree.is_a(name, 'plasmodium') for name in known)
        vague = set(facts['vague'])
        called = Counter(self.noun(name).casefold() for name in names)
        self.names = tuple(
            name
            for name in names
            if self._resolved[name] not in vague and called[self.noun(name).casefold()] == 1
        )
        self.always_present = tuple(
            name for name in self.names if self._resolved[name] in facts['always_present'].get(dataset, ())
        )
        self._above = {name: {other for other in names if self._is_below(name, other)} for name in names}

    def noun(self, name: str, count: int = 1) -> str:
        """Words for ``count`` objects of a class: 'red blood cell', 'tuberculosis bacilli'.

        Red cells are called uninfected where the set gives those with a parasite a class of their own.
        """
        noun = _noun(self._resolved.get(name) or name, count)
        return f'uninfected {noun}' if self._has_infected and self._resolved.get(name) == 'RBC' else noun

    def amount(self, name: str, count: int) -> str:
        """A number with its noun: 'no platelets', '1 platelet', '2 platelets'."""
        return f'{count or "no"} {self.noun(name, count)}'

    def excludes(self, name: str, other: str) -> bool:
        """Whether a cell of one class cannot be of the other one, too."""
        return name != other and other not in self._above[name] and name not in self._above[other]

    def has_kinds(self, name: str) -> bool:
        """Whether the set has kinds of this class, so that its name does not tell which kind a cell is."""
        return any(name in above for above in self._above.values())

    def countable(self, present: Iterable[str]) -> tuple[str, ...]:
        """Classes whose number is known in an image with objects of the classes ``present``.

        Nothing is known where an object has a vague class or a class that is always there is missing.
        """
        present = set(present)
        if not present <= set(self.names) or not present.issuperset(self.always_present):
            return ()
        has_lower = set().union(*self._above.values())
        return tuple(name for name in self.names if name not in has_lower and not self._above[name] & present)

    @property
    def common_noun(self) -> str:
        """What all classes of the set are: 'white blood cell', 'malaria parasite', else 'cell'."""
        known = [self._resolved[name] for name in self.names]
        if not known or None in known:
            return _ANY_CELL
        vague = _facts()['vague']
        for ancestor in self._tree.ancestors(known[0]):
            if ancestor not in vague and all(self._tree.is_a(name, ancestor) for name in known):
                return _noun(ancestor, 1)
        return _ANY_CELL

    def _resolve(self, name: str) -> str | None:
        try:
            return self._tree.resolve(name)
        except InputError:
            return None

    def _is_below(self, name: str, other: str) -> bool:
        known, above = self._resolved[name], self._resolved[other]
        return None not in (known, above) and known != above and self._tree.is_a(known, above)


def _noun(name: str, count: int) -> str:
    words = _facts()['nouns'].get(name, name)
    if isinstance(words, dict):
        return words['one' if count == 1 else 'many']
    words = words.replace('{', '(').replace('}', ')')
    return words if count == 1 else f'{words}s'


@cache
def _facts() -> dict:
    text = (resources.files(__package__) / 'class_words.yaml').read_text(encoding='utf-8')
    return yaml.safe_load(text)
