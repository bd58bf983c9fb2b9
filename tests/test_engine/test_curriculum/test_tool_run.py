"""Programs that do not outlive the one that starts them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from unihema_mm.engine.curriculum.tool_run import run_tool

SLEEP = 'import os, sys, time\nopen(sys.argv[1], "w").write(str(os.getpid()))\ntime.sleep(60)'


@pytest.fixture
def program(tmp_path):
    """Callable (text) -> file of a program."""

    def make(text):
        path = tmp_path / 'program.py'
        path.write_text(text)
        return path

    return make


def is_running(pid):
    try:
        state = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0]
    except FileNotFoundError:
        return False
    return state != 'Z'


def wait_for(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_end_and_log(program, tmp_path):
    log, beats = tmp_path / 'log', []
    log.write_text('before\n')
    path = program('import sys\nblock = bytearray(50 << 20)\nprint("said", sys.argv[1])\nsys.exit(3)')
    end = run_tool([path, 'this'], log, beat=beats.append)
    assert end.code == 3 and end.peak_bytes > 50 << 20 and end.seconds > 0 and beats
    assert log.read_text() == 'before\nsaid this\n'


def test_signal_is_a_negative_code(program, tmp_path):
    path = program('import os, signal\nos.kill(os.getpid(), signal.SIGKILL)')
    assert run_tool([path], tmp_path / 'log').code == -signal.SIGKILL


def test_several_processes(program, tmp_path, monkeypatch):
    names = 'RANK', 'LOCAL_RANK', 'WORLD_SIZE', 'MASTER_ADDR'
    path = program(
        'import os, sys\n'
        f'values = [os.environ[name] for name in {names!r}]\n'
        'open(f"rank{values[0]}", "w").write(" ".join([*values, *sys.argv[1:]]))'
    )
    monkeypatch.chdir(tmp_path)
    assert run_tool([path], tmp_path / 'log', processes=2).code == 0
    written = [(tmp_path / f'rank{rank}').read_text() for rank in range(2)]
    assert written == [f'{rank} {rank} 2 127.0.0.1 --launcher pytorch' for rank in range(2)]


def test_one_that_fails_ends_the_others(program, tmp_path):
    path = program('import os, sys, time\nsys.exit(5) if os.environ["RANK"] == "1" else time.sleep(60)')
    end = run_tool([path], tmp_path / 'log', processes=2)
    assert end.code == 5 and end.seconds < 30


def test_an_interrupt_kills_it(program, tmp_path):
    path, pid = program(SLEEP), tmp_path / 'pid'

    def interrupt(seconds):
        if pid.exists() and pid.read_text():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_tool([path, pid], tmp_path / 'log', beat=interrupt)
    assert not is_running(int(pid.read_text()))


@pytest.mark.skipif(sys.platform != 'linux', reason='needs prctl')
def test_it_ends_when_its_starter_is_killed(program, tmp_path):
    inner, pid, outer = program(SLEEP), tmp_path / 'pid', tmp_path / 'outer.py'
    outer.write_text(
        'from pathlib import Path\n'
        'from unihema_mm.engine.curriculum.tool_run import run_tool\n'
        f'run_tool([{str(inner)!r}, {str(pid)!r}], Path({str(tmp_path / "log")!r}))'
    )
    root = Path(__file__).resolve().parents[3]
    run = subprocess.Popen([sys.executable, str(outer)], env={**os.environ, 'PYTHONPATH': str(root)})
    wait_for(lambda: pid.exists() and pid.read_text())
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    wait_for(lambda: not is_running(int(pid.read_text())))
