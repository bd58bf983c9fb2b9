from unihema_mm.datasets.text_generation.grammar import enumerate_items, fill_gaps, with_article


def test_articles():
    assert with_article('eosinophil') == 'an eosinophil' and with_article('RBC') == 'a RBC'


def test_enumerations():
    assert [enumerate_items(list(items)) for items in ('a', 'ab', 'abc')] == ['a', 'a and b', 'a, b and c']


def test_gaps():
    record = fill_gaps('The {name} is {size}.', {'name': 'cell', 'size': 'big', 'more': 'x'}, ['size'])
    assert record == {
        'masked': 'The cell is <extra_id_0>.',
        'completed': 'The cell is big.',
        'generated': True,
    }
