"""The command that converts, interrupted and killed at random moments."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest

from unihema_mm.datasets.converters import convert, own_entry
from unihema_mm.utils.errors import InputError

NUM_IMAGES = 200


@pytest.fixture(scope='module')
def source(tmp_path_factory):
    root = tmp_path_factory.mktemp('interrupted') / 'source'
    for index in range(NUM_IMAGES):
        split = 'val' if index % 10 == 9 else 'train'
        for folder in ('images', 'labels'):
            (root / folder / split).mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(index).integers(0, 255, (64, 64, 3), np.uint8)
        (root / 'images' / split / f'{index}.png').write_bytes(cv2.imencode('.png', pixels)[1].tobytes())
        (root / 'labels' / split / f'{index}.txt').write_text('0 0.5 0.5 0.25 0.2\n')
    (root / 'data.yaml').write_text('train: images/train\nval: images/val\nnames: [RBC]\n')
    return root


@pytest.fixture(scope='module')
def whole(source):
    out = source.parent / 'whole' / 'mine'
    convert(own_entry('yolo', source, 'mine'), source, out)
    return contents(out)


@pytest.fixture
def run(repo, source, tmp_path):
    """Callable -> the running command, once its first image is in place."""

    def start():
        command = [sys.executable, 'tools/prepare_data.py', 'convert', 'yolo', '--src', source]
        command += ['--out', tmp_path / 'mine', '--workers', '2', '--quiet']
        pipes = {'stdout': subprocess.PIPE, 'stderr': subprocess.PIPE}
        # A conversion that takes a second, so that a signal comes in the middle of it.
        code = (
            'import runpy, sys, time; from unihema_mm.datasets.converters import item as module\n'
            'place = module.place_image\n'
            'def slow(*args): time.sleep(0.01); place(*args)\n'
            'module.place_image = slow; sys.argv = sys.argv[1:]\n'
            "runpy.run_path(sys.argv[0], run_name='__main__')"
        )
        command = [command[0], '-c', code, *command[1:]]
        env = {**os.environ, 'PYTHONPATH': str(repo)}
        process = subprocess.Popen(command, cwd=repo, env=env, text=True, start_new_session=True, **pipes)
        while not list((tmp_path / 'mine' / 'images').glob('*/*.png')):
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.005)
        return process

    return start


def contents(out):
    """Path -> bytes of a conversion; without the tokenizer, which is trained after it."""
    paths = (path for path in out.rglob('*') if path.is_file() and 'tokenizer' not in path.parts)
    return {str(path.relative_to(out)): path.read_bytes() for path in paths}


def assert_nothing_runs(process):
    """All processes of the session have ended."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    pytest.fail('workers are left')


@pytest.mark.parametrize('kind', ['SIGINT to all', 'SIGINT', 'SIGTERM', 'SIGTERM to all', 'SIGKILL'])
def test_interrupted_conversion(run, source, whole, tmp_path, kind):
    out = tmp_path / 'mine'
    number = getattr(signal, kind.split()[0])
    process = run()
    time.sleep(random.Random(kind).uniform(0, 0.5))
    (os.killpg if kind.endswith('all') else os.kill)(process.pid, number)
    printed, errors = process.communicate(timeout=60)
    assert_nothing_runs(process)
    if number == signal.SIGKILL:
        assert (process.returncode, errors) == (-signal.SIGKILL, '')
    else:
        assert errors == 'interrupted; the same command continues\n'
        assert process.returncode == 128 + signal.SIGINT
        assert not [name for name in contents(out) if name.endswith(('.part', '.tmp', '.lock'))]
    assert not printed and not list((out / 'annotations').glob('*.json'))
    assert json.loads((out / 'conversion_report.json').read_text())['complete'] is False
    done = {path: path.stat().st_ino for path in out.glob('images/*/*.png')}
    assert 0 < len(done) < NUM_IMAGES
    assert all(path.read_bytes() == whole[str(path.relative_to(out))] for path in done)
    convert(own_entry('yolo', source, 'mine'), source, out)
    assert contents(out) == whole
    assert {path: path.stat().st_ino for path in done} == done


def test_two_runs_into_one_folder(run, source, whole, tmp_path):
    process, out = run(), tmp_path / 'mine'
    os.killpg(process.pid, signal.SIGSTOP)
    try:
        with pytest.raises(InputError, match=r'mine: folder: out: another run writes into it; wait until'):
            convert(own_entry('yolo', source, 'mine'), source, out)
    finally:
        os.killpg(process.pid, signal.SIGCONT)
    assert process.communicate(timeout=60)[1] == '' and process.returncode == 0
    assert contents(out) == whole
