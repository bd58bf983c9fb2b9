import pytest

from unihema_mm.datasets.text_generation.attribute_words import words_of_attribute
from unihema_mm.structures.attribute_values import load_attribute_values

NAMES = [*load_attribute_values('wbcatt'), *load_attribute_values('leukemia_attri'), 'my_{own}']


@pytest.mark.parametrize('name', NAMES)
def test_words_have_their_places(name):
    words = words_of_attribute(name)
    for template in (*words.ask, words.state, words.check):
        assert '{cell}' in template and '_' not in template
        assert template.format(cell='cell', value='big')
    assert '{value}' in words.state and '{value}' in words.check
    assert ('my own' in words.check) == (name == 'my_{own}')


@pytest.mark.parametrize('attributes', ['wbcatt', 'leukemia_attri'])
def test_words_are_of_declared_values(attributes):
    for name, values in load_attribute_values(attributes).items():
        words = words_of_attribute(name)
        assert set(words.words) <= set(values) and words.denied in ('', *values)
