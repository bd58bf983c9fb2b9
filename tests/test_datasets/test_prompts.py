import pytest

from unihema_mm.datasets.prompts import DETECTION_TEMPLATE, choose_templates, fill_prompt
from unihema_mm.datasets.schema import PROMPTED_TASKS
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


@pytest.mark.parametrize('task', PROMPTED_TASKS)
def test_shipped_templates(task):
    templates = choose_templates('varied', task)
    assert templates[0] == DETECTION_TEMPLATE and len(set(templates)) == len(templates) >= 4
    for template in templates:
        assert template.count('{prompt}') == 1
        assert fill_prompt('Malaria', template).isascii()


def test_own_templates():
    assert choose_templates('Find {prompt}', 'det') == ('Find {prompt}',)
    assert choose_templates(['Find {prompt}', '{prompt}?'], 'det') == ('Find {prompt}', '{prompt}?')


@pytest.mark.parametrize(
    ('template', 'task', 'message'),
    [
        ('Find cells', 'det', r'has no {prompt}'),
        (['{prompt}', 'cells'], 'det', r"'cells' has no {prompt}"),
        (['{prompt}', 7], 'det', r'7 has no {prompt}'),
        ([], 'det', 'give at least one'),
        ('varied', 'vqa', "task 'vqa' has no templates; those of det, morph, seg, inst have"),
    ],
)
def test_wrong_templates(template, task, message):
    with pytest.raises(InputError, match=message):
        choose_templates(template, task)
