"""``unihema ask``: answers on standard output."""

import json

from unihema_mm.cli import ask
from unihema_mm.structures.results import Answer, ImageResult


def test_one_question(unihema, image_folder, work_folder):
    code, out, err = unihema('ask', image_folder / 'a.png', 'How many cells?', '--model', work_folder)
    assert code == 0 and (err == '') == bool(out.strip())  # random weights may say nothing
    assert len(out.splitlines()) == 1 and '\t' not in out


def test_several_questions(unihema, image_folder, work_folder):
    asked = ['How many cells?', 'Round?']
    code, out, _ = unihema('ask', image_folder / 'a.png', *asked, '--model', work_folder)
    assert code == 0
    assert [line.split('\t')[0] for line in out.splitlines()] == asked
    code, out, _ = unihema('ask', image_folder / 'a.png', *asked, '--model', work_folder, '--json')
    result = json.loads(out)
    assert code == 0
    assert [answer['question'] for answer in result['answers']] == asked
    assert result['tasks'] == ['vqa'] and result['cells'] is None


def test_an_empty_answer_keeps_its_line_and_is_told(unihema, monkeypatch, image_folder):
    answers = (Answer('How many?', '3'), Answer('Which?', ''))
    result = ImageResult('a.png', None, 9, 9, ('vqa',), answers=answers)
    monkeypatch.setattr(ask, 'load_inferencer', lambda args: lambda *_, **__: iter([result]))
    code, out, err = unihema('ask', image_folder / 'a.png', 'How many?', 'Which?', '--model', 'm')
    assert (code, out) == (0, 'How many?\t3\nWhich?\t\n')
    assert err == "the model gives no answer to 'Which?'\n"


def test_an_image_that_cannot_be_read(unihema, image_folder, work_folder, tmp_path):
    (tmp_path / 'bad.png').write_text('no image')
    code, out, err = unihema('ask', tmp_path / 'bad.png', 'Round?', '--model', work_folder)
    assert (code, out) == (1, '')
    assert err.startswith('failed: ') and len(err.splitlines()) == 1
    assert unihema('ask', image_folder / 'a.png', ' ', '--model', work_folder)[0] == 2


def test_several_images_are_refused_before_the_model_is_loaded(unihema, image_folder):
    for given in (image_folder, f'{image_folder}/*.png', image_folder / 'absent.png'):
        code, out, err = unihema('ask', given, 'Round?', '--model', 'absent')
        assert (code, out) == (2, '') and 'is no file; give one image' in err
