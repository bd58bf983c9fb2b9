"""Groups of data sets of which a step draws without saying how many of each."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real

import numpy as np

from unihema_mm.utils.errors import InputError
from unihema_mm.utils.names import nearest_names


@dataclass(frozen=True)
class SetGroup:
    """Data sets of one task.

    Attributes:
        sets: Their names.
        temperature: Exponent of their sizes in the probability of a draw, at least 0: 1 draws every sample
            equally often, 0 every set.
    """

    sets: tuple[str, ...]
    temperature: float

    def probabilities(self, sizes: Mapping[str, int]) -> np.ndarray:
        """Probability that a draw picks each set.

        Args:
            sizes: Number of samples of each set, at least 1.

        Returns:
            float64 of shape (number of sets,), in the order of ``sets``, sum 1.
        """
        logs = self.temperature * np.log([sizes[name] for name in self.sets])
        weights = np.exp(logs - logs.max())  # no overflow, however large the temperature
        return weights / weights.sum()


def check_groups(groups: object, names: Sequence[str]) -> dict[str, SetGroup]:
    """Check what a config holds.

    Args:
        groups: Name of a group -> ``dict(sets=(name, ...), temperature=number)``; the temperature is 1 where
            it is left out. ``None`` is no group.
        names: Names of the sets of the dataset.

    Returns:
        Name -> group.

    Raises:
        InputError: It is malformed, a group has the name of a set, is empty, or names a set that the dataset
            lacks.
    """
    if groups is None:
        return {}
    if not isinstance(groups, Mapping):
        raise _error(f'is {groups!r}; write dict(name=dict(sets=(...), temperature=number))')
    return {name: _check_group(name, group, names) for name, group in groups.items()}


def _check_group(group_name: str, group: object, names: Sequence[str]) -> SetGroup:
    if group_name in names:
        raise _error(f'{group_name}: is the name of a data set too; rename the group')
    if not isinstance(group, Mapping) or 'sets' not in group or not set(group) <= {'sets', 'temperature'}:
        raise _error(f'{group_name}: is {group!r}; write dict(sets=(...), temperature=number)')
    sets, temperature = group['sets'], group.get('temperature', 1.0)
    if isinstance(sets, str) or not isinstance(sets, Sequence) or not sets:
        raise _error(f'{group_name}: sets: is {sets!r}; name the data sets of the group, at least one')
    for number, name in enumerate(sets):
        if name not in names:
            raise _error(
                f'{group_name}: sets: {name!r} is not a data set of the dataset '
                f'({nearest_names(str(name), names)}); correct the name, or add the data set'
            )
        if name in sets[:number]:
            raise _error(f'{group_name}: sets: {name!r} is named twice; name it once')
    if (
        isinstance(temperature, bool)
        or not isinstance(temperature, Real)
        or not math.isfinite(temperature)
        or temperature < 0
    ):
        raise _error(
            f'{group_name}: temperature: is {temperature!r}; write a number of at least 0 '
            '(1: in proportion to the sizes, 0: every set alike)'
        )
    return SetGroup(tuple(sets), float(temperature))


def _error(text: str) -> InputError:
    return InputError(f'TaskBatchSampler: groups: {text}')
