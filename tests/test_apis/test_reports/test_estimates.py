"""Estimates over images: undefined ones, and how often their intervals cover the truth."""

import numpy as np
import pytest

from unihema_mm.apis.reports.estimates import count, ratio, share
from unihema_mm.apis.reports.intervals import garwood, ratio_of_counts, wilson
from unihema_mm.apis.reports.options import ReportOptions

AUTO, INDEPENDENT = ReportOptions(), ReportOptions(intervals='independent')
REPEATS = 2000
NOISE = 3 * np.sqrt(0.95 * 0.05 / REPEATS)


def test_without_a_denominator_nothing_is_told():
    for estimate in (share([0, 0], [0, 0], AUTO, 'white cells'), ratio([3], [0], AUTO, 'white cells')):
        assert (estimate.value, estimate.low, estimate.high, estimate.n) == (None, None, None, 0)
        assert estimate.method == 'undefined: no white cells'
        assert estimate.times(100).value is None


@pytest.mark.parametrize('images', [1, 9])
def test_few_images_give_the_plain_interval(images):
    of_all = share([2] * images, [10] * images, AUTO, 'cells')
    assert (of_all.low, of_all.high) == pytest.approx(wilson(2 * images, 10 * images))
    assert of_all.method == 'Wilson'
    assert count([4] * images, AUTO).high == pytest.approx(garwood(4 * images)[1])
    assert ratio([2] * images, [9] * images, AUTO, '').high == pytest.approx(
        ratio_of_counts(2 * images, 9 * images)[1]
    )


def test_nothing_and_everything_in_many_images_keep_the_plain_interval():
    for events in (0, 7):
        found = share([events] * 30, [7] * 30, AUTO, 'cells')
        assert (found.low, found.high) == pytest.approx(wilson(30 * events, 210))
    assert count([0] * 30, AUTO).high == pytest.approx(garwood(0)[1])
    assert ratio([0] * 30, [7] * 30, AUTO, '').high == pytest.approx(ratio_of_counts(0, 210)[1])


def test_images_that_differ_widen_the_interval_and_are_named():
    alike, unlike = share([5] * 20, [10] * 20, AUTO, ''), share([0, 10] * 10, [10] * 20, AUTO, '')
    assert unlike.value == alike.value
    assert unlike.high - unlike.low > 2 * (alike.high - alike.low)
    assert unlike.method == 'Wilson, design effect 10.5 of 20 images'
    plain = share([0, 10] * 10, [10] * 20, INDEPENDENT, '')
    assert (plain.low, plain.high) == pytest.approx(wilson(100, 200))


def draw_share(rng, images, spread):
    truth, cells = 0.1, rng.integers(10, 60, images)
    of_image = rng.beta(truth * (1 / spread - 1), (1 - truth) * (1 / spread - 1), images) if spread else truth
    counts = rng.binomial(cells, of_image)
    return truth, lambda options: share(counts, cells, options, 'cells')


def draw_count(rng, images, spread):
    counts = rng.poisson(rng.gamma(1 / spread, 8 * spread, images) if spread else np.full(images, 8))
    return 8 * images, lambda options: count(counts, options)


def draw_ratio(rng, images, spread):
    density = rng.gamma(1 / spread, spread, images) if spread else np.ones(images)
    counts = rng.poisson(20 * density), rng.poisson(np.full(images, 10))
    return 2, lambda options: ratio(*counts, options, 'cells')


@pytest.mark.parametrize('draw', [draw_share, draw_count, draw_ratio])
@pytest.mark.parametrize(('images', 'spread'), [(10, 0), (10, 0.1), (30, 0.1)])
def test_images_are_covered_at_the_rate_where_cells_alone_are_not(draw, images, spread):
    """Rates over 2,000 draws; with 10 images, an estimated variance costs at most 2 % of coverage."""
    rng = np.random.default_rng(11)
    hits = np.zeros(2)
    for _ in range(REPEATS):
        truth, estimate = draw(rng, images, spread)
        found = estimate(AUTO), estimate(INDEPENDENT)
        hits += [one.low <= truth <= one.high for one in found]
    with_images, cells_alone = hits / REPEATS
    print(f'{draw.__name__}, {images} images, spread {spread}: {with_images:.1%}, alone {cells_alone:.1%}')
    assert 0.93 - NOISE <= with_images <= 0.99
    if spread:
        assert cells_alone < 0.91
    else:
        assert cells_alone >= 0.94 - NOISE
