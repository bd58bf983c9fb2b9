"""Confidence intervals of shares, counts and ratios of counts.

All take numbers or arrays of equal shape, whole or not: a design effect divides counts. Sources: Wilson, JASA
22 (1927) 209; Clopper and Pearson, Biometrika 26 (1934) 404; Garwood, Biometrika 28 (1936) 437; Przyborowski
and Wilenski, Biometrika 31 (1940) 313, for two Poisson counts given their sum.
"""

import numpy as np
from scipy import special

Bound = float | np.ndarray
_TINY = 1e-12


def wilson(events: Bound, total: Bound, confidence: float = 0.95) -> tuple[Bound, Bound]:
    """Score interval of a share.

    Args:
        events: Cells of the kind, 0 to ``total``.
        total: All cells, above 0.
        confidence: Between 0 and 1.

    Returns:
        Lower and upper bound, 0 to 1.
    """
    events, total = np.asarray(events, dtype=float), np.asarray(total, dtype=float)
    z = -special.ndtri((1 - confidence) / 2)
    share = events / total
    middle = (share + z**2 / (2 * total)) / (1 + z**2 / total)
    half = z / (1 + z**2 / total) * np.sqrt(share * (1 - share) / total + z**2 / (4 * total**2))
    # Exactly 0 and 1 where no or every cell is of the kind: rounding would leave a rest.
    low = np.where(events <= 0, 0.0, np.clip(middle - half, 0, 1))
    high = np.where(events >= total, 1.0, np.clip(middle + half, 0, 1))
    return low[()], high[()]


def clopper_pearson(events: Bound, total: Bound, confidence: float = 0.95) -> tuple[Bound, Bound]:
    """Exact interval of a share; arguments as of :func:`wilson`."""
    events, total = np.asarray(events, dtype=float), np.asarray(total, dtype=float)
    tail = (1 - confidence) / 2
    # Where the function of an end is not defined, what stands for it is not taken.
    some, not_all = np.maximum(events, _TINY), np.maximum(total - events, _TINY)
    low = np.where(events <= 0, 0.0, special.betaincinv(some, total - events + 1, tail))
    high = np.where(events >= total, 1.0, special.betaincinv(events + 1, not_all, 1 - tail))
    return low[()], high[()]


def garwood(count: Bound, confidence: float = 0.95) -> tuple[Bound, Bound]:
    """Exact interval of the mean of a Poisson count.

    Args:
        count: 0 or more.
        confidence: Between 0 and 1.

    Returns:
        Lower and upper bound.
    """
    count = np.asarray(count, dtype=float)
    tail = (1 - confidence) / 2
    low = np.where(count <= 0, 0.0, special.gammaincinv(np.maximum(count, _TINY), tail))
    return low[()], special.gammainccinv(count + 1, tail)


def ratio_of_counts(above: Bound, below: Bound, confidence: float = 0.95) -> tuple[Bound, Bound]:
    """Exact interval of the ratio of the means of two independent Poisson counts, given their sum.

    Given ``above + below``, ``above`` is binomial with the share r / (1 + r) of the ratio r.

    Args:
        above: Count of the numerator, 0 or more.
        below: Count of the denominator, 0 or more, one of both above 0.
        confidence: Between 0 and 1.

    Returns:
        Lower and upper bound; the upper one is infinite where ``below`` is 0.
    """
    low, high = clopper_pearson(above, np.add(above, below), confidence)
    with np.errstate(divide='ignore'):
        return low / (1 - low), np.divide(high, np.subtract(1, high))
