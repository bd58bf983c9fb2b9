"""``unihema serve`` as a process of its own, with a small model of random weights, until Ctrl-C."""

import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from threading import Timer

import cv2
import pytest

from unihema_mm.structures.results import RESEARCH_USE
from unihema_mm.web.serve import FOLDER_PREFIX

from .client import call, file_payload, run_data, upload

httpx = pytest.importorskip('httpx')
pytest.importorskip('gradio')
PATIENCE = 400  # seconds; a busy machine is slow to import


def begin(repo, model, temporary) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, '-m', 'unihema_mm', 'serve', model, '--port', '0', '--device', 'cpu'],
        env={**os.environ, 'PYTHONPATH': str(repo), 'TMPDIR': str(temporary), 'OMP_NUM_THREADS': '1'},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def serving(repo, model, temporary):
    """The process and the address of its page."""
    with begin(repo, model, temporary) as process:
        late = Timer(PATIENCE, process.kill)
        late.start()
        try:
            line = process.stderr.readline()
            found = re.fullmatch(
                r'Open (http://127\.0\.0\.1:\d+) in a browser; Ctrl-C ends the page\.\n', line
            )
            assert found, line
            yield process, found[1]
        finally:
            late.cancel()
            process.kill()


def test_a_real_model_from_start_to_interruption(repo, work_folder, tmp_path, conftest):
    picture = cv2.imencode('.png', conftest.smear())[1].tobytes()
    with (
        serving(repo, work_folder, tmp_path) as (process, address),
        httpx.Client(base_url=address, timeout=PATIENCE, trust_env=False) as client,
    ):
        assert RESEARCH_USE in client.get('/').text
        with pytest.raises(OSError), socket.create_connection(('127.0.0.2', client.base_url.port)):
            pass  # bound to one address, not to all

        payload = file_payload(upload(client, picture, 'smear.png').json()[0])
        _, messages = call(client, 'run_files', run_data([payload]))
        assert messages[-1]['success'], messages[-1]
        assert '1 of 1 done' in str(messages) and 'smear.png' in str(messages)
        _, messages = call(client, 'put_question', ['smear.png', 'How many cells?'])
        assert messages[-1]['success'] and 'How many cells?' in str(messages[-1])

        assert [path.name[: len(FOLDER_PREFIX)] for path in tmp_path.iterdir()] == [FOLDER_PREFIX]
        with client.stream('GET', '/gradio_api/heartbeat/session') as stream:  # an open tab has one
            next(stream.iter_raw())
            process.send_signal(signal.SIGINT)
            out, err = process.communicate()
    assert (process.returncode, out, err) == (0, '', '')
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_served_is_one_line(repo, tmp_path):
    with begin(repo, tmp_path / 'absent', tmp_path) as process:
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 2 and err.startswith('error: ') and err.count('\n') == 1
    assert not list(tmp_path.iterdir())
