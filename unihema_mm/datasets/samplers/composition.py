"""How many samples of each data set a step has."""

from collections.abc import Mapping, Sequence

from unihema_mm.utils.errors import InputError
from unihema_mm.utils.names import nearest_names

Step = dict[str, int]


def check_composition(
    composition: object, names: Sequence[str], groups: Sequence[str] = ()
) -> tuple[Step, ...]:
    """Check what a config holds.

    Args:
        composition: Name of a set or group -> number of samples, or a list of such dicts.
        names: Names of the sets of the dataset.
        groups: Names of the groups of sets.

    Returns:
        One dict per step of a round.

    Raises:
        InputError: It is malformed, or names what is neither a set of the dataset nor a group.
    """
    entries = [composition] if isinstance(composition, Mapping) else composition
    if (
        isinstance(entries, str)
        or not isinstance(entries, Sequence)
        or not entries
        or not all(isinstance(entry, Mapping) and entry for entry in entries)
    ):
        raise _error(f'is {composition!r}; write dict(name=number), or a list of such dicts')
    known = [*names, *groups]
    for entry in entries:
        for name, count in entry.items():
            if name not in known:
                raise _error(
                    f'{name!r} is not a data set of the dataset{" or a group" if groups else ""} '
                    f'({nearest_names(str(name), known)}); '
                    'correct the name, or add the data set'
                )
            if type(count) is not int or count < 1:
                raise _error(f'{name}: is {count!r}; write a whole number of at least 1, or leave it out')
    return tuple(dict(entry) for entry in entries)


def steps_to_draw(size: int, counts: Sequence[int]) -> int:
    """Number of steps until a set has been drawn once.

    Args:
        size: Number of samples of the set.
        counts: Number of its samples in each step of a round, not all 0.

    Returns:
        The number of steps.
    """
    rounds, rest = divmod(size, sum(counts))
    steps = rounds * len(counts)
    if rest == 0:
        # The last steps of a round may have none of the set.
        return steps - next(i for i, count in enumerate(reversed(counts)) if count)
    for count in counts:
        steps += 1
        rest -= count
        if rest <= 0:
            break
    return steps


def _error(text: str) -> InputError:
    return InputError(f'TaskBatchSampler: composition: {text}')
