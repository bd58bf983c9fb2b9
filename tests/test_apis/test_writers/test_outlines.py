import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from unihema_mm.apis.writers.outlines import trace_outlines


def polygon(pixels, x=0, y=0):
    return shapely.MultiPolygon(
        [(rings[0], rings[1:]) for rings in trace_outlines(np.asarray(pixels, bool), x, y)]
    )


@given(
    arrays.arrays(
        bool, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=st.booleans(), fill=st.nothing()
    )
)
def test_outline_is_the_union_of_the_pixels(pixels):
    shape = polygon(pixels, 5, 7)
    assert shape.is_valid, shapely.is_valid_reason(shape)
    assert shape.area == pixels.sum()
    rows, columns = np.nonzero(pixels)
    squares = shapely.union_all(
        [shapely.box(c + 5, r + 7, c + 6, r + 8) for r, c in zip(rows, columns, strict=True)]
    )
    assert shape.equals(squares) or (shape.is_empty and squares.is_empty)


@pytest.mark.parametrize('density', [0.3, 0.6, 0.9])
def test_large_noise(density):
    pixels = np.random.default_rng(0).random((90, 110)) < density
    shape = polygon(pixels)
    assert shape.is_valid, shapely.is_valid_reason(shape)
    assert shape.area == pixels.sum()


@pytest.mark.parametrize(
    'picture, parts, holes',
    [
        (['#'], 1, 0),
        (['#.', '.#'], 2, 0),  # touching at a corner: apart
        (['###', '#.#', '###'], 1, 1),
        (['##.', '#.#', '###'], 1, 1),  # the hole opens at a corner of the outer ring only
        (['####', '#.##', '##.#', '####'], 1, 2),  # holes that touch
        (['#####', '#...#', '#.#.#', '#...#', '#####'], 2, 1),  # an island
        (['..', '..'], 0, 0),
    ],
)
def test_shapes(picture, parts, holes):
    pixels = [[mark == '#' for mark in line] for line in picture]
    shape = polygon(pixels)
    assert shape.is_valid
    assert (len(shape.geoms), sum(len(part.interiors) for part in shape.geoms)) == (parts, holes)
    assert shape.area == np.sum(pixels)


def test_only_corners_are_listed():
    assert trace_outlines(np.ones((3, 5), bool), 10, 20) == [
        [[[10, 20], [15, 20], [15, 23], [10, 23], [10, 20]]]
    ]
