"""Intervals: known values, ends, and how often they cover the truth."""

import numpy as np
import pytest

from unihema_mm.apis.reports.intervals import clopper_pearson, garwood, ratio_of_counts, wilson

REPEATS = 20_000
# Three standard errors of a share of 0.95 in REPEATS draws.
NOISE = 3 * np.sqrt(0.95 * 0.05 / REPEATS)


def covered(bounds, truth) -> float:
    return float(np.mean((bounds[0] <= truth) & (truth <= bounds[1])))


@pytest.mark.parametrize(
    ('interval', 'args', 'expected'),
    [
        # Newcombe, Statistics in Medicine 17 (1998) 857, table I: methods 3 and 5.
        (wilson, (81, 263), (0.2553, 0.3662)),
        (wilson, (15, 148), (0.0624, 0.1605)),
        (wilson, (0, 20), (0.0, 0.1611)),
        (wilson, (1, 29), (0.0061, 0.1718)),
        (clopper_pearson, (81, 263), (0.2527, 0.3676)),
        (clopper_pearson, (15, 148), (0.0578, 0.1617)),
        (clopper_pearson, (0, 20), (0.0, 0.1684)),
        (clopper_pearson, (1, 29), (0.0009, 0.1776)),
        # Tables of Poisson limits, e.g. Ulm, American Journal of Epidemiology 131 (1990) 373.
        (garwood, (0,), (0.0, 3.689)),
        (garwood, (1,), (0.0253, 5.572)),
        (garwood, (10,), (4.795, 18.39)),
        (garwood, (100,), (81.36, 121.63)),
    ],
)
def test_equals_published_limits(interval, args, expected):
    assert interval(*args) == pytest.approx(expected, abs=5e-5 if interval is not garwood else 5e-3)


def test_ends_are_exact():
    assert wilson(0, 7)[0] == clopper_pearson(0, 7)[0] == garwood(0)[0] == ratio_of_counts(0, 7)[0] == 0
    assert wilson(7, 7)[1] == clopper_pearson(7, 7)[1] == 1
    assert np.isinf(ratio_of_counts(7, 0)[1])


def test_ratio_is_turned_over_with_its_counts():
    low, high = ratio_of_counts(12, 300)
    assert ratio_of_counts(300, 12) == pytest.approx((1 / high, 1 / low))


def test_confidence_widens():
    for interval, args in (
        (wilson, (3, 20)),
        (clopper_pearson, (3, 20)),
        (garwood, (3,)),
        (ratio_of_counts, (3, 20)),
    ):
        narrow, wide = interval(*args, confidence=0.8), interval(*args, confidence=0.99)
        assert wide[0] < narrow[0] < narrow[1] < wide[1]


@pytest.mark.parametrize('total', [5, 20, 100, 500])
def test_wilson_covers_shares_of_any_size_at_its_rate(total):
    rng = np.random.default_rng(total)
    truth = rng.uniform(0, 1, REPEATS)
    bounds = wilson(rng.binomial(total, truth), total)
    assert 0.95 - NOISE <= covered(bounds, truth) <= 0.96


@pytest.mark.parametrize('share', [0, 0.002, 0.01, 0.05, 0.3, 0.5, 0.99, 1])
@pytest.mark.parametrize('total', [20, 100, 500])
def test_at_one_share_wilson_stays_near_its_rate_and_clopper_pearson_above(share, total):
    counts = np.random.default_rng(1).binomial(total, share, REPEATS)
    assert covered(wilson(counts, total), share) >= 0.92 - NOISE
    assert covered(clopper_pearson(counts, total), share) >= 0.95 - NOISE


@pytest.mark.parametrize('mean', [0, 0.05, 0.5, 3, 10, 100, 1000])
def test_garwood_covers_at_least_at_its_rate(mean):
    counts = np.random.default_rng(2).poisson(mean, REPEATS)
    assert covered(garwood(counts), mean) >= 0.95 - NOISE
    if mean >= 100:
        assert covered(garwood(counts), mean) <= 0.965


@pytest.mark.parametrize(('above', 'below'), [(0, 5), (1, 20), (5, 200), (50, 200), (200, 3), (400, 500)])
def test_ratio_covers_at_least_at_its_rate(above, below):
    rng = np.random.default_rng(3)
    counts = rng.poisson(above, REPEATS), rng.poisson(below, REPEATS)
    has_any = sum(counts) > 0
    bounds = ratio_of_counts(*(count[has_any] for count in counts))
    assert covered(bounds, above / below) >= 0.95 - NOISE
