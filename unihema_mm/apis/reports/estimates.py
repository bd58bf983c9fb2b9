"""A share, a count or a ratio from the counts of several images, with its interval.

Cells of one image are alike: thick and thin places, and clusters of parasites, make the counts of images
differ by more than chance. Where there are enough images, the variance between them is estimated by the ratio
estimator (Cochran, Sampling Techniques, 3rd ed., 1977, chapter 6), and counts are divided by the design
effect before the same interval is taken (Korn and Graubard, Survey Methodology 24 (1998) 193).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from .intervals import garwood, ratio_of_counts, wilson
from .options import ReportOptions


@dataclass(frozen=True)
class Estimate:
    """A number and how sure it is.

    Attributes:
        value: None where it is undefined; ``method`` then says why.
        low: Lower bound of the interval, None with ``value``.
        high: Upper bound, None with ``value`` or where there is none.
        method: Name of the interval.
        n: Cells in the denominator of a share or ratio, images of a count.
    """

    value: float | None
    low: float | None
    high: float | None
    method: str
    n: int

    def times(self, factor: float) -> 'Estimate':
        """The same in another unit."""
        scaled = [None if bound is None else bound * factor for bound in (self.value, self.low, self.high)]
        return Estimate(*scaled, self.method, self.n)


def share(events: Sequence[int], totals: Sequence[int], options: ReportOptions, of: str) -> Estimate:
    """Share of cells of a kind.

    Args:
        events: Cells of the kind, one number per image.
        totals: All cells, one number per image.
        options: Confidence, and whether images are looked at.
        of: What ``totals`` counts, for the line that says that there is none.
    """
    events, totals = np.array(events, dtype=float), np.array(totals, dtype=float)
    x, n = events.sum(), totals.sum()
    if n == 0:
        return Estimate(None, None, None, f'undefined: no {of}', 0)
    independent = x / n * (1 - x / n) / n
    shrink, note = _shrink(events - x / n * totals, n, independent, totals > 0, options)
    low, high = wilson(x / shrink, n / shrink, options.confidence)
    return Estimate(x / n, float(low), float(high), f'Wilson{note}', int(n))


def count(counts: Sequence[int], options: ReportOptions) -> Estimate:
    """Number of cells in all images together.

    Args:
        counts: One number per image.
        options: Confidence, and whether images are looked at.
    """
    counts = np.array(counts, dtype=float)
    x, m = counts.sum(), len(counts)
    shrink, note = _shrink(counts - x / m, 1.0, x, np.ones(m, dtype=bool), options)
    low, high = (float(bound) * shrink for bound in garwood(x / shrink, options.confidence))
    return Estimate(x, low, high, f'exact Poisson (Garwood){note}', m)


def ratio(above: Sequence[int], below: Sequence[int], options: ReportOptions, of: str) -> Estimate:
    """Ratio of two counts.

    Args:
        above: Counts of the numerator, one per image.
        below: Counts of the denominator, one per image.
        options: Confidence, and whether images are looked at.
        of: What ``below`` counts, for the line that says that there is none.
    """
    above, below = np.array(above, dtype=float), np.array(below, dtype=float)
    x, y = above.sum(), below.sum()
    if y == 0:
        return Estimate(None, None, None, f'undefined: no {of}', 0)
    independent = 0.0 if x == 0 else (x / y) ** 2 * (1 / x + 1 / y)
    shrink, note = _shrink(above - x / y * below, y, independent, above + below > 0, options)
    low, high = ratio_of_counts(x / shrink, y / shrink, options.confidence)
    return Estimate(x / y, float(low), float(high), f'conditional binomial (Clopper-Pearson){note}', int(y))


def _shrink(
    rests: np.ndarray, total: float, independent: float, has_cells: np.ndarray, options: ReportOptions
):
    """What counts are divided by, and how that is named.

    Args:
        rests: Count of each image less what is expected of it.
        total: Denominator of the estimate.
        independent: Variance of the estimate if all cells were independent.
        has_cells: Images that say something about it, bool (m,).
        options: Rules.
    """
    images = int(has_cells.sum())
    needed = {'auto': options.min_images, 'images': 2, 'independent': float('inf')}[options.intervals]
    if images < needed or independent <= 0:
        return 1.0, ''
    between = images / (images - 1) * (rests**2).sum() / total**2
    effect = max(1.0, between / independent)
    # The variance between few images is itself uncertain: Student's t in place of the normal quantile.
    tail = (1 - options.confidence) / 2
    few = (special.stdtrit(images - 1, tail) / special.ndtri(tail)) ** 2
    return effect * few, f', design effect {effect:.1f} of {images} images'
