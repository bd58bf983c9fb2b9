import pytest

from unihema_mm.datasets.boxes import BoxState, fit_box, is_box, parse_number


@pytest.mark.parametrize(
    ('box', 'fitted', 'state'),
    [
        ((1, 2, 10, 12), [1, 2, 10, 12], BoxState.INSIDE),
        ((0, 0, 100, 50), [0, 0, 100, 50], BoxState.INSIDE),
        ((-0.0004, 0, 10, 10), [0, 0, 10, 10], BoxState.INSIDE),
        ((-3, 5, 10, 60), [0, 5, 10, 50], BoxState.CLIPPED),
        ((90, 40, 100.02, 50), [90, 40, 100, 50], BoxState.CLIPPED),
        ((5, 5, 5, 9), [5, 5, 5, 9], BoxState.EMPTY),
        ((9, 5, 5, 9), [9, 5, 5, 9], BoxState.EMPTY),
    ],
)
def test_fit_box(box, fitted, state):
    assert fit_box(box, 100, 50) == (fitted, state)


@pytest.mark.parametrize('box', [(100, 0, 120, 10), (-20, 0, 0, 10), (0, 50, 10, 60), (200, 200, 300, 300)])
def test_box_outside(box):
    assert fit_box(box, 100, 50)[1] is BoxState.OUTSIDE


@pytest.mark.parametrize(
    'value',
    [None, [1, 2, 3], [1, 2, 3, '4'], [1, 2, 3, float('nan')], [1, 2, 3, True], 'abcd', [0, 0, 1, 10**400]],
)
def test_is_box_refuses(value):
    assert not is_box(value)


@pytest.mark.parametrize(('text', 'value'), [('1.5', 1.5), (' -2e3 ', -2000), ('0', 0)])
def test_numbers_of_files(text, value):
    assert parse_number(text) == value


@pytest.mark.parametrize('text', ['', None, 'nan', '-inf', '1e400', '1_0', '\u0661', '0x10', '1,5'])
def test_no_numbers(text):
    with pytest.raises(ValueError, match=r'is not a finite number|could not convert'):
        parse_number(text)
