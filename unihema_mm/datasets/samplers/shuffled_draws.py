"""Endless draws from a set."""

from collections.abc import Sequence

import numpy as np


class ShuffledDraws:
    """Draws the numbers below ``size`` in random order, all of them before any of them again.

    Numbers that are drawn together differ from one another where the set is large enough, also where a new
    order begins in the middle of a draw.

    Args:
        size: Number of samples of the set, at least 1.
        key: Non-negative integers that decide the order.
    """

    def __init__(self, size: int, key: Sequence[int]) -> None:
        self.size = size
        self._generator = np.random.default_rng(list(key))
        self._rest = np.empty(0, dtype=np.int64)

    def draw(self, count: int) -> np.ndarray:
        """Draw the next numbers.

        Args:
            count: How many.

        Returns:
            int64 of shape (count,); without repetition where ``count`` is at most ``size``.
        """
        drawn, self._rest = self._rest[:count], self._rest[count:]
        while len(drawn) < count:
            order = self._generator.permutation(self.size)
            taken = np.isin(order, drawn)
            order = np.concatenate([order[~taken], order[taken]])
            missing = count - len(drawn)
            drawn, self._rest = np.concatenate([drawn, order[:missing]]), order[missing:]
        return drawn
