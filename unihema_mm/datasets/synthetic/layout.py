"""Where cells lie: spread or clumped, with bounded overlap."""

import numpy as np

CAPACITY = 256


class Layout:
    """Positions taken so far in one picture.

    Args:
        width, height (int): Pixels.
    """

    def __init__(self, width: int, height: int):
        self.size = np.array([width, height], float)
        self._centres = np.empty((CAPACITY, 2))
        self._radii = np.empty(CAPACITY)
        self._spacing = np.empty(CAPACITY)
        self._count = 0

    def take(self, centre, radius: float, spacing: float) -> None:
        """Occupy a disc; others keep ``spacing`` times the sum of the radii away from its centre."""
        i = self._count
        self._centres[i], self._radii[i], self._spacing[i] = centre, radius, spacing
        self._count += 1

    def fits(self, centre, radius: float, spacing: float) -> bool:
        """Whether a disc keeps the larger of its own and the neighbours' spacing to all discs taken."""
        n = self._count
        away = self._centres[:n] - centre
        gap = np.maximum(self._spacing[:n], spacing) * (self._radii[:n] + radius)
        return bool(((away * away).sum(1) >= gap * gap).all())

    def place(self, candidates: np.ndarray, radius: float, spacing: float) -> np.ndarray | None:
        """Take the first of the ``candidates`` (n, 2) that fits and return it, or None."""
        for centre in candidates:
            if self.fits(centre, radius, spacing):
                self.take(centre, radius, spacing)
                return centre
        return None

    def anywhere(self, rng, count: int, overhang: float) -> np.ndarray:
        """Uniform candidates (count, 2), up to ``overhang`` pixels beyond the border."""
        return rng.uniform(-overhang, self.size + overhang, (count, 2))

    def beside(self, rng, count: int, radius: float, reach) -> np.ndarray:
        """Candidates (count, 2) around discs of about ``radius`` already taken, or none.

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
        return self._centres[hosts[rng.integers(0, len(hosts), count)]] + step
