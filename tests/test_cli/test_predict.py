"""``unihema predict``: files, lines, pipes, and runs that end too early."""

import csv
import io
import json
import os
import signal
import subprocess
import sys

import cv2
import pytest

from unihema_mm.apis.writers import WRITERS
from unihema_mm.cli.arguments import FORMATS, read_inputs, tile_size
from unihema_mm.utils.errors import InputError

from ..test_apis.drawn import smear

NAMES = ['a.png', 'b/a.png', 'c.PNG']


def rows(out, name='images.csv'):
    with (out / 'csv' / name).open(newline='') as file:
        return list(csv.DictReader(file))


def leftovers(out):
    return [path for path in out.rglob('*') if path.name.endswith('.tmp') or path.name == '.lock']


@pytest.fixture
def many(tmp_path):
    """Folder of 30 images."""
    folder = tmp_path / 'many'
    folder.mkdir()
    for number in range(30):
        cv2.imwrite(str(folder / f'{number:02}.png'), smear(seed=number)[..., ::-1])
    return folder


@pytest.fixture
def start(repo):
    """Callable (*arguments) -> process of ``unihema predict``; what still runs at the end is killed."""
    processes = []

    def begin(*arguments):
        process = subprocess.Popen(
            [sys.executable, '-m', 'unihema_mm', 'predict', *map(str, arguments)],
            env={**os.environ, 'PYTHONPATH': str(repo), 'OMP_NUM_THREADS': '1', 'CUDA_VISIBLE_DEVICES': '-1'},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return process

    yield begin
    for process in processes:
        process.kill()
        process.communicate()


def test_formats_are_those_of_the_writers():
    assert set(FORMATS) == set(WRITERS)


def test_all_formats(unihema, image_folder, work_folder, tmp_path):
    out = tmp_path / 'out'
    arguments = ['predict', image_folder, '--model', work_folder, '--out', out, '--score', 0]
    code, stdout, err = unihema(*arguments, '--formats', ','.join(FORMATS), '--question', 'How many?')
    assert (code, stdout) == (0, '')
    assert err.splitlines()[-1] == f'3 images predicted; files: {out}'
    assert {path.name for path in out.iterdir()} == {*FORMATS, 'README.txt', '.unihema'}
    assert [row['image'] for row in rows(out)] == NAMES
    assert len(rows(out, 'cells.csv')) == sum(int(row['cells']) for row in rows(out)) > 0
    assert (out / 'overlay/b/a.png.png').is_file()
    assert json.loads((out / 'json/a.png.json').read_text())['answers'][0]['question'] == 'How many?'

    code, _, err = unihema(*arguments, '--formats', ','.join(FORMATS), '--question', 'How many?')
    assert code == 0 and '0 images predicted, 3 done before' in err
    code, _, err = unihema(*arguments, '--formats', ','.join(FORMATS), '--question', 'Other?')
    assert code == 2 and 'questions' in err.splitlines()[-1]
    assert [row['image'] for row in rows(out)] == NAMES


def test_what_a_run_has_written_below_its_input_is_no_input(unihema, image_folder, work_folder):
    out = image_folder / 'predictions'
    given = ['predict', image_folder, '--model', work_folder, '--out', out, '--tasks', 'inst', '--score', 0]
    formats = ['--formats', 'csv,overlay,labels']
    assert unihema(*given, *formats)[0] == 0
    code, _, err = unihema(*given, *formats)
    assert code == 0 and '0 images predicted, 3 done before' in err
    assert [row['image'] for row in rows(out)] == NAMES
    cv2.imwrite(str(out / 'mine.png'), smear())  # beside what was written
    assert '1 image predicted, 3 done before' in unihema(*given, *formats)[2]
    code, stdout, _ = unihema(
        'predict', f'{image_folder}/**/*.png', '--model', work_folder, '--json', '--tasks', 'det'
    )
    assert code == 0 and len(stdout.splitlines()) == 3  # a.png, b/a.png and mine.png, c.PNG does not fit
    pictures = out / 'overlay'
    code, stdout, _ = unihema('predict', pictures, '--model', work_folder, '--json', '--tasks', 'det')
    assert code == 0 and len(stdout.splitlines()) == 4  # where they are asked for by name


def test_lines(unihema, image_folder, work_folder):
    code, out, err = unihema(
        'predict', image_folder, '--model', work_folder, '--json', '--tasks', 'det,morph', '--max-cells', 5,
        '--score', 0, '--batch-size', 2,
    )  # fmt: skip
    lines = [json.loads(line) for line in out.splitlines()]
    assert code == 0 and err == '3 images predicted\n'
    assert [line['name'] for line in lines] == NAMES
    assert all(len(line['cells']) == 5 and line['tasks'] == ['det', 'morph'] for line in lines)


def test_bad_files_among_good_ones(unihema, image_folder, work_folder, tmp_path):
    (image_folder / 'b' / 'broken.png').write_bytes(b'\x89PNG\r\n\x1a\nbroken')
    (image_folder / 'empty.png').write_bytes(b'')
    out = tmp_path / 'out'
    given = ['predict', image_folder, '--model', work_folder, '--out', out, '--tasks', 'det']
    code, stdout, err = unihema(*given, '--formats', 'csv,overlay', '--json')
    assert code == 1
    assert [line.startswith('failed: ') for line in err.splitlines()] == [True, True, False]
    assert 'broken.png' in err and '3 images predicted, 2 failed' in err
    assert sum('error' in json.loads(line) for line in stdout.splitlines()) == 2
    assert {row['image']: bool(row['error']) for row in rows(out)} == {
        'a.png': False, 'b/a.png': False, 'b/broken.png': True, 'c.PNG': False, 'empty.png': True,
    }  # fmt: skip

    (image_folder / 'empty.png').unlink()
    cv2.imwrite(str(image_folder / 'b' / 'broken.png'), smear())
    code, stdout, err = unihema(*given, '--formats', 'csv,overlay', '--json')
    assert code == 0 and '1 image predicted, 3 done before' in err
    assert [json.loads(line)['name'] for line in stdout.splitlines()] == ['b/broken.png']


@pytest.mark.parametrize('case', ['no images', 'no such folder', 'no model', 'not learned', 'file as folder'])
def test_nothing_can_be_done(case, unihema, image_folder, work_folder, tmp_path):
    images, model, out, tasks = image_folder, work_folder, tmp_path / 'out', 'det'
    if case == 'no images':
        images = tmp_path / 'none'
        images.mkdir()
    elif case == 'no such folder':
        images = tmp_path / 'nowhere'
    elif case == 'no model':
        model = tmp_path / 'no_model.pth'
    elif case == 'not learned':
        tasks = 'grading'
    else:
        out = image_folder / 'a.png'
    code, stdout, err = unihema('predict', images, '--model', model, '--out', out, '--tasks', tasks)
    assert (code, stdout) == (2, '')
    assert len(err.splitlines()) == 1 and err.startswith('error: ')
    assert case == 'file as folder' or not out.exists()


def test_label_images_without_masks_are_refused_at_once(unihema, image_folder, work_folder, tmp_path):
    given = ['predict', image_folder, '--model', work_folder, '--out', tmp_path / 'out']
    given += ['--formats', 'csv,labels']
    code, _, err = unihema(*given, '--tasks', 'det,morph')
    assert code == 2 and len(err.splitlines()) == 1
    assert err.startswith('error: --formats: labels needs masks, which det, morph do not give')
    assert not (tmp_path / 'out').exists()
    assert unihema(*given, '--tasks', 'det,inst')[0] == 0


def test_a_folder_with_other_predictions(unihema, image_folder, work_folder, tmp_path):
    given = ['--model', work_folder, '--out', tmp_path / 'out', '--formats', 'csv', '--tasks', 'det']
    assert unihema('predict', image_folder / 'a.png', *given)[0] == 0
    code, _, err = unihema('predict', image_folder / 'b' / 'a.png', *given)
    assert code == 2 and 'inputs' in err and 'choose another folder' in err


def test_names_on_standard_input(unihema, image_folder, work_folder, monkeypatch):
    content = f'{image_folder / "a.png"}\n\n{image_folder / "b"}\r\nabsent.png\n'.encode()
    monkeypatch.setattr(sys, 'stdin', io.TextIOWrapper(io.BytesIO(content)))
    code, out, _ = unihema('predict', '-', '--model', work_folder, '--json', '--tasks', 'det')
    assert code == 1
    assert [json.loads(line)['name'] for line in out.splitlines()] == ['a.png', 'b/a.png', 'absent.png']


def test_inputs():
    assert read_inputs(['a', '-', 'b'], [b'c d\n', b'\xff\n', b'e']) == ['a', 'c d', '\udcff', 'e', 'b']
    assert read_inputs(['-'], [b'one']) == 'one'
    with pytest.raises(InputError, match='standard input: has no names'):
        read_inputs(['-'], [b'\n'])
    assert tile_size('512') == 512 and tile_size('640x480') == (640, 480)


def test_a_pipe_that_is_closed_early(start, many, work_folder, tmp_path):
    process = start(many, '--model', work_folder, '--json', '--out', tmp_path / 'out', '--formats', 'csv')
    assert json.loads(process.stdout.readline())['name'] == '00.png'
    process.stdout.close()
    assert process.wait(240) == 141
    assert process.stderr.read() == ''
    done = [row['image'] for row in rows(tmp_path / 'out')]
    assert 1 <= len(done) < 30 and not leftovers(tmp_path / 'out')


def test_interrupted_and_continued(start, unihema, many, work_folder, tmp_path):
    out = tmp_path / 'out'
    given = [many, '--model', work_folder, '--json', '--out', out, '--formats', 'csv,json,overlay']
    process = start(*given)
    for _ in range(3):
        process.stdout.readline()
    process.send_signal(signal.SIGINT)
    stdout, err = process.communicate(timeout=240)
    assert process.returncode == 130, err
    assert err.splitlines()[-1] == 'interrupted; repeat the command to go on' and 'Traceback' not in err
    before = [row['image'] for row in rows(out)]
    assert 3 <= len(before) < 30 and not leftovers(out)
    for name in before:
        json.loads((out / 'json' / f'{name}.json').read_text())
        assert cv2.imread(str(out / 'overlay' / f'{name}.png')) is not None

    code, stdout, err = unihema('predict', *given)
    assert code == 0 and f'{30 - len(before)} images predicted, {len(before)} done before' in err
    assert [json.loads(line)['name'] for line in stdout.splitlines()] == sorted(
        {path.name for path in many.iterdir()} - {*before}
    )
    assert [row['image'] for row in rows(out)] == sorted(path.name for path in many.iterdir())
    assert not leftovers(out)
