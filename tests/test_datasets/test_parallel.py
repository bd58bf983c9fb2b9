import os

import pytest

from unihema_mm.datasets.parallel import map_ordered


def square(number):
    return number**2, os.getpid()


@pytest.mark.parametrize('workers', [1, 2])
def test_results_keep_the_order(workers):
    results = map_ordered(square, range(50), workers=workers)
    assert [value for value, _ in results] == [number**2 for number in range(50)]
    assert ({process for _, process in results} == {os.getpid()}) == (workers == 1)


def fail(number):
    raise ValueError(f'item {number}')


@pytest.mark.parametrize('workers', [1, 2])
def test_an_error_reaches_the_caller(workers):
    with pytest.raises(ValueError, match='item 0'):
        map_ordered(fail, range(5), workers=workers)
