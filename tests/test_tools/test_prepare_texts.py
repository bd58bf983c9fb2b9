"""The command ``texts``."""

import json
import runpy
from pathlib import Path

import cv2
import numpy as np
import pytest

TOOL = Path(__file__).parents[2] / 'tools' / 'prepare_data.py'


@pytest.fixture(scope='module')
def main():
    return runpy.run_path(str(TOOL))['main']


@pytest.fixture
def folder(main, tmp_path):
    """A converted set of 12 fields with one to three rings."""
    source = tmp_path / 'source'
    for kind in ('images', 'labels'):
        (source / kind / 'train').mkdir(parents=True)
    noise = np.random.default_rng(0)
    for number in range(12):
        picture = noise.integers(0, 255, (30, 40, 3), np.uint8)
        cv2.imwrite(str(source / 'images' / 'train' / f'{number}.png'), picture)
        lines = [f'0 0.{place + 2} 0.5 0.1 0.1\n' for place in range(1 + number % 3)]
        (source / 'labels' / 'train' / f'{number}.txt').write_text(''.join(lines))
    (source / 'data.yaml').write_text('train: images/train\nnames: [ring]\n')
    options = ['--src', str(source), '--out', str(tmp_path / 'out'), '--workers', '1']
    assert main(['convert', 'yolo', *options]) == 0
    return tmp_path / 'out'


def test_texts_tokenizer_and_prior(main, folder, capsys):
    before = (folder / 'tokenizer' / 'tokenizer.json').read_bytes()
    capsys.readouterr()
    assert main(['texts', str(folder), '--seed', '3', '--questions', '4']) == 0
    printed = capsys.readouterr().out
    assert 'texts generated from the annotations, seed 3' in printed and 'count, open' in printed
    assert (folder / 'tokenizer' / 'tokenizer.json').read_bytes() != before
    images = json.loads((folder / 'annotations' / 'train.json').read_text())['images']
    assert 12 < sum(len(image.get('questions', ())) for image in images) <= 60
    assert json.loads((folder / 'text_report.json').read_text())['seed'] == 3
    assert main(['check', str(folder)]) == 0


def test_again_is_identical(main, folder):
    contents = []
    for _ in range(2):
        assert main(['texts', str(folder)]) == 0
        contents.append({path: path.read_bytes() for path in folder.rglob('*.json')})
    assert contents[0] == contents[1]


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (['--rewriter', 'nowhere'], 'nowhere: rewriter: holds no config.json'),
        (['--questions', '0'], 'questions_per_image: is 0.0; give a number above 0'),
    ],
)
def test_wrong_input_is_one_line(main, folder, capsys, options, message):
    before = (folder / 'annotations' / 'train.json').read_bytes()
    capsys.readouterr()
    with pytest.raises(SystemExit) as error:
        main(['texts', str(folder), *options])
    shown = capsys.readouterr().err
    assert error.value.code == 2 and message in shown and len(shown.splitlines()) == 1
    assert (folder / 'annotations' / 'train.json').read_bytes() == before
