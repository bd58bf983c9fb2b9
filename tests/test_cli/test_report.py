"""``unihema report``: from images, and from predictions."""

import json

import pytest

from unihema_mm.apis.reports import BORDER_RULES
from unihema_mm.cli.report import _per_ul


def test_from_images_and_again(unihema, image_folder, work_folder, tmp_path):
    out = tmp_path / 'report'
    (image_folder / 'bad.png').write_bytes(b'')
    given = [
        'report',
        image_folder,
        '--model',
        work_folder,
        '--out',
        out,
        '--score',
        0,
        '--title',
        'Slides',
    ]
    code, stdout, err = unihema(*given, '--wbc-per-ul', 8000)
    assert (code, stdout) == (1, '')
    assert f'report: {out / "report.html"}' in err and '3 images predicted, 1 failed' in err
    report = json.loads((out / 'report.json').read_text())
    assert report['options']['title'] == 'Slides' and report['options']['wbc_per_ul'] == 8000
    assert report['settings']['model'] == 'work/epoch_1.pth'
    assert len(report['settings']['hash of its weights']) == 64
    assert [slide['slide'] for slide in report['slides']] == ['smears', 'b']

    (image_folder / 'bad.png').unlink()
    code, _, err = unihema(*given, '--wbc-per-ul', 'smears=8000')
    assert '0 images predicted, 3 done before' in err
    assert json.loads((out / 'report.json').read_text())['options']['wbc_per_ul'] == {'smears': 8000}

    code, _, err = unihema('report', out / 'predictions', '--out', tmp_path / 'again')
    assert f'report: {tmp_path / "again" / "report.html"}' in err


def test_what_is_no_run(unihema, image_folder, work_folder, tmp_path):
    code, _, err = unihema('report', image_folder, '--out', tmp_path / 'report')
    assert code == 2 and 'holds no predictions; give --model' in err
    code, _, err = unihema('report', 'a', 'b', '--out', tmp_path / 'report')
    assert code == 2 and '--model: is not given' in err
    tables = ['--model', work_folder, '--tasks', 'det', '--formats', 'csv', '--out', tmp_path / 'tables']
    assert unihema('predict', image_folder, *tables)[0] == 0
    code, _, err = unihema('report', tmp_path / 'tables', '--out', tmp_path / 'report')
    assert code == 2 and 'formats: are csv; a report is made from json' in err
    assert not (tmp_path / 'report').exists()


def test_a_wrong_option_is_told_before_the_model_is_loaded(unihema, tmp_path):
    code, _, err = unihema('report', tmp_path, '--model', 'm', '--out', tmp_path / 'out', '--rbc-per-ul', -3)
    assert code == 2 and err.startswith('error: report: rbc_per_ul: is -3')
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize('rule', BORDER_RULES)
def test_border_rules_are_known(rule, unihema, tmp_path):
    code, _, err = unihema('report', tmp_path, '--out', tmp_path / 'report', '--border', rule)
    assert code == 2 and 'holds no predictions' in err


def test_cells_per_microlitre():
    assert _per_ul('--x', None) is None
    assert _per_ul('--x', ['8e3']) == 8000
    assert _per_ul('--x', ['a=b=1', 'c=2']) == {'a=b': 1, 'c': 2}
