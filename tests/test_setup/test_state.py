"""Marker, half-built environments and the lock."""

import dataclasses
import signal
import subprocess
import sys
import time

import pytest

from tools.setup.__main__ import build, ensure
from tools.setup.report import SetupError
from tools.setup.state import Progress, is_ready, locked, mark_ready, read_json, rebuild_reason, write_json
from tools.setup.steps import Step


def test_ready_needs_marker_key_place_and_interpreter(place, fake_python, tmp_path):
    place.env.mkdir(parents=True)
    assert not is_ready(place)
    mark_ready(place, {})
    assert not is_ready(place), 'no interpreter'
    fake_python(place)
    assert is_ready(place)
    assert not is_ready(dataclasses.replace(place, key='key-2')), 'other requirements'
    place.env.rename(tmp_path / 'moved')
    assert not is_ready(dataclasses.replace(place, env=tmp_path / 'moved')), 'scripts hold the old path'


@pytest.mark.parametrize('content', ['', '{"key": ', '[]', '\x00\x00'])
def test_a_torn_marker_is_no_marker(place, fake_python, content):
    fake_python(place)
    place.marker.write_text(content)
    assert not is_ready(place)


def test_write_json_leaves_the_old_file_when_it_fails(tmp_path):
    path = tmp_path / 'state.json'
    write_json(path, {'a': 1})
    with pytest.raises(TypeError):
        write_json(path, {'a': object()})
    assert read_json(path) == {'a': 1}


FAILURE = SetupError('[2/3] failed: b', 'why', 'mend')


def make_steps(calls, failing=None, error=FAILURE):
    def action(name):
        def run(recipe, title):
            calls.append(name)
            if name == failing:
                raise error

        return run

    return tuple(Step(name, name, action(name), writes=name != 'c') for name in 'abc')


def test_a_failed_step_is_repeated_and_the_done_ones_are_not(place, screen, fake_python):
    calls = []
    with pytest.raises(SetupError):
        build(place, screen, None, make_steps(calls, failing='b'))
    assert not is_ready(place)
    fake_python(place)
    build(place, screen, None, make_steps(calls))
    assert calls == ['a', 'b', 'b', 'c'] and is_ready(place)


def test_a_cut_off_writing_step_rebuilds_and_another_continues(place, screen):
    calls = []
    with pytest.raises(KeyboardInterrupt):
        build(place, screen, None, make_steps(calls, failing='b', error=KeyboardInterrupt()))
    (place.env / 'half-a-package').mkdir()
    build(place, screen, None, make_steps(calls))
    assert calls == ['a', 'b', 'a', 'b', 'c']
    assert not (place.env / 'half-a-package').exists()
    assert 'cut off while "b" was running' in screen.stream.getvalue()


def test_a_cut_off_step_that_writes_elsewhere_continues(place, screen):
    calls = []
    with pytest.raises(KeyboardInterrupt):
        build(place, screen, None, make_steps(calls, failing='c', error=KeyboardInterrupt()))
    build(place, screen, None, make_steps(calls))
    assert calls == ['a', 'b', 'c', 'c']


def test_unknown_folders(place, tmp_path):
    assert rebuild_reason(place, set()) is None, 'nothing there'
    place.env.mkdir(parents=True)
    assert rebuild_reason(place, set()) is None, 'empty'
    (place.env / 'file').touch()
    assert 'unknown state' in rebuild_reason(place, set())
    with pytest.raises(SetupError, match='UNIHEMA_ENV_DIR') as caught:
        rebuild_reason(dataclasses.replace(place, custom=True), set())
    assert 'not made by this project' in str(caught.value)
    assert (place.env / 'file').exists()


def test_other_requirements_and_a_vanished_interpreter_rebuild(place):
    Progress(place)
    assert rebuild_reason(place, set()) is None
    assert 'other requirements' in rebuild_reason(dataclasses.replace(place, key='key-2'), set())
    mark_ready(place, {})
    assert 'no working interpreter' in rebuild_reason(place, set())


def test_ready_environment_touches_nothing(place, screen, fake_python):
    fake_python(place)
    mark_ready(place, {})
    ensure(place, screen)
    assert not place.lock.exists() and screen.stream.getvalue() == ''


HOLD = """
import sys, time
from pathlib import Path
from tools.setup.state import locked
with locked(Path(sys.argv[1]), print):
    print('held', flush=True)
    time.sleep(60)
"""


def test_the_lock_waits_for_its_holder_and_outlives_no_killed_one(tmp_path, pytestconfig):
    path = tmp_path / 'envs' / 'key.lock'
    holder = subprocess.Popen(
        [sys.executable, '-c', HOLD, path], stdout=subprocess.PIPE, text=True, cwd=pytestconfig.rootpath
    )
    try:
        assert holder.stdout.readline() == 'held\n'
        said = []

        def say(text):
            said.append(text)
            holder.send_signal(signal.SIGKILL)

        with locked(path, say):
            assert holder.wait() == -signal.SIGKILL
        assert said == [f'process {holder.pid} is setting up the same environment; waiting for it']
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()


ENSURE = """
import io, sys, time
from pathlib import Path
from tools.setup import __main__ as setup
from tools.setup.layout import Layout
from tools.setup.report import Screen
from tools.setup.state import mark_ready
root = Path(sys.argv[1])
place = Layout('key', root / 'envs' / 'key', root, custom=False)
def build(layout, screen, lock):
    with (root / 'builds').open('a') as file:
        file.write('x')
    time.sleep(0.5)
    layout.python.parent.mkdir(parents=True)
    layout.python.touch(mode=0o755)
    mark_ready(layout, {})
setup.build = build
setup.ensure(place, Screen(io.StringIO()))
"""


def test_two_processes_build_once(tmp_path, pytestconfig):
    command = [sys.executable, '-c', ENSURE, tmp_path]
    processes = [subprocess.Popen(command, cwd=pytestconfig.rootpath) for _ in range(2)]
    assert [process.wait(timeout=60) for process in processes] == [0, 0]
    assert (tmp_path / 'builds').read_text() == 'x'


def test_the_lock_is_held_while_an_orphaned_child_lives(tmp_path, pytestconfig):
    code = (
        'import subprocess, sys, os\nfrom pathlib import Path\nfrom tools.setup.state import locked\n'
        'with locked(Path(sys.argv[1]), print) as lock:\n'
        "    child = subprocess.Popen(['sleep', '1.5'], pass_fds=(lock,), stdout=subprocess.DEVNULL)\n"
        '    os.kill(os.getpid(), 9)\n'
    )
    path = tmp_path / 'key.lock'
    subprocess.run([sys.executable, '-c', code, path], cwd=pytestconfig.rootpath, check=False)
    said, start = [], time.monotonic()
    with locked(path, said.append):
        assert said and time.monotonic() - start > 0.2
