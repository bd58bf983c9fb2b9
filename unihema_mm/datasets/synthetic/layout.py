"""Where cells lie: spread or clumped, with bounded overlap."""

import numpy as np

_FIRST_CAPACITY = 256


class Layout:
    """Positions taken so far in one picture.

    Args:
        width, height (int): Pixels.
    """

    def __init__(self, width: int, height: int):
        self.size = np.array([width, height], float)
        self._centres = np.empty((_FIRST_CAPACITY, 2))
        self._radii = np.empty(_FIRST_CAPACITY)
        self._spacing = np.empty(_FIRST_CAPACITY)
        self._count = 0

    def take(self, centre, radius: float, spacing: float) -> None:
        """Occupy a disc; others keep ``spacing`` times the sum of the radii away from its centre."""
        i = self._count
        if i == len(self._radii):
            self._centres, self._radii, self._spacing = (
                np.concatenate([taken, np.empty_like(taken)])
                for taken in (self._centres, self._radii, self._spacing)
            )
        self._centres[i], self._radii[i], self._spacing[i] = centre, radius, spacing
        self._count += 1

    def place(self, candidates: np.ndarray, radius: float, spacing: float) -> np.ndarray | None:
        """Take the first of the ``candidates`` (n, 2) that fits and return it, or None.

        A disc fits that keeps the larger of its own and a neighbour's spacing to every disc taken.
        """
        n = self._count
        gap = np.maximum(self._spacing[:n], spacing) * (self._radii[:n] + radius)
        x = candidates[:, :1] - self._centres[:n, 0]
        y = candidates[:, 1:] - self._centres[:n, 1]
        free = np.flatnonzero((x * x + y * y >= gap * gap).all(1))
        if not len(free):
            return None
        centre = candidates[free[0]]
        self.take(centre, radius, spacing)
        return centre

    def anywhere(self, rng, count: int, overhang: float) -> np.ndarray:
        """Uniform candidates (count, 2), up to ``overhang`` pixels beyond the border."""
        return rng.uniform(-overhang, self.size + overhang, (count, 2))

    def beside(self, rng, count: int, radius: float, reach) -> np.ndarray:
        """Up to ``count`` candidates (n, 2) in the picture, around discs of about ``radius`` taken before.

        Args:
            rng (np.random.Generator): Source.
            count (int): Number of candidates.
            radius (float): Only discs up to 1.4 times this radius attract.
            reach (tuple[float, float]): Range of the distance in units of ``radius``.
        """
        hosts = np.flatnonzero(self._radii[: self._count] < 1.4 * radius)
        if not len(hosts):
            return np.empty((0, 2))
        angle = rng.uniform(0, 2 * np.pi, count)
        distance = rng.uniform(*reach, count) * radius
        step = np.stack([np.cos(angle), np.sin(angle)], 1) * distance[:, None]
        centres = self._centres[hosts[rng.integers(0, len(hosts), count)]] + step
        return centres[((centres > 0) & (centres < self.size)).all(1)]
