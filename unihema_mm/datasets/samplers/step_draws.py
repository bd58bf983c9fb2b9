"""What all processes together draw, step by step."""

from collections import Counter
from collections.abc import Mapping
from zlib import crc32

import numpy as np

from .composition import Step
from .groups import SetGroup
from .shuffled_draws import ShuffledDraws


class StepDraws:
    """Draws the samples of a step from the sets, the same in every process.

    A copy continues as the original does.

    Args:
        sizes: Number of samples of each set, at least 1.
        groups: Groups of sets by name.
        world_size: Number of processes.
        key: Non-negative integers that decide the order. The order of a set depends on them and its name
            alone, so do the sets that a group picks.
    """

    def __init__(
        self, sizes: Mapping[str, int], groups: Mapping[str, SetGroup], world_size: int, key: tuple[int, ...]
    ) -> None:
        self._groups, self._world_size = groups, world_size
        self._probabilities = {name: group.probabilities(sizes) for name, group in groups.items()}
        self._sets = {name: ShuffledDraws(size, (*key, _number(name))) for name, size in sizes.items()}
        self._pickers = {name: np.random.default_rng([*key, _number(name)]) for name in groups}

    def draw(self, step: Step) -> dict[str, np.ndarray]:
        """Draw what the next step holds.

        Args:
            step: Name of a set or group -> number of its samples in one process.

        Returns:
            Name of each set that the step has -> numbers of its samples, int64 of shape (processes, n); n is
            the same in every process.
        """
        counts = self._pick(step)
        return {
            name: self._sets[name].draw(count * self._world_size).reshape(self._world_size, count)
            for name, count in counts.items()
        }

    def _pick(self, step: Step) -> Counter[str]:
        counts: Counter[str] = Counter()
        for name, count in step.items():
            if name in self._groups:
                picked = self._pickers[name].multinomial(count, self._probabilities[name]).tolist()
                counts.update({part: n for part, n in zip(self._groups[name].sets, picked, strict=True) if n})
            else:
                counts[name] += count
        return counts


def _number(name: str) -> int:
    return crc32(name.encode())
