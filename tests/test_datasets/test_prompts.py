import pytest

from unihema_mm.datasets.prompts import fill_prompt
from unihema_mm.utils.errors import InputError


def test_one_word():
    assert fill_prompt('Malaria') == 'This image is for the detection of Malaria cells'


def test_several_words_are_used_once_in_order():
    words = ['WBC', 'RBC', ' WBC ', '', 'platelet']
    assert fill_prompt(words) == 'This image is for the detection of WBC, RBC, platelet cells'


def test_own_template():
    assert fill_prompt('RBC', 'Find {prompt}.') == 'Find RBC.'


@pytest.mark.parametrize('words', ['', '  ', [], ['', ' ']])
def test_empty_prompt(words):
    with pytest.raises(InputError, match='prompt is empty'):
        fill_prompt(words)


def test_template_without_place():
    with pytest.raises(InputError, match=r'has no {prompt}'):
        fill_prompt('RBC', 'Find cells')
