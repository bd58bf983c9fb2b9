"""Choice of Python, compiler and header checks, pip where ensurepip is missing, the wheel's ops."""

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from tools.setup import preflight, steps, virtualenv
from tools.setup.clone_path import find_clone
from tools.setup.process import Runner
from tools.setup.report import SetupError

ENSURE = Path(__file__).resolve().parents[2] / 'tools' / 'setup' / 'ensure.sh'


def program(folder, name, body):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f'#!/bin/sh\n{body}\n')
    path.chmod(0o755)
    return path


@pytest.fixture
def clone(tmp_path):
    """A clone whose set-up only says which interpreter runs it."""
    package = tmp_path / 'clone' / 'tools' / 'setup'
    package.mkdir(parents=True)
    shutil.copy(ENSURE, package)
    (package / '__main__.py').write_text('import os; print(os.environ["CHOSEN"])')
    return package / 'ensure.sh'


def run_ensure(script, path, **variables):
    environment = {'PATH': f'{path}:/usr/bin:/bin', 'HOME': '/nowhere', 'LC_ALL': 'C', **variables}
    return subprocess.run(['/bin/sh', script], env=environment, capture_output=True, text=True, check=False)


def delegate(name):
    return f'CHOSEN={name} exec {sys.executable} "$@"'


def test_shims_that_do_not_resolve_and_other_versions_are_skipped(clone, tmp_path):
    program(tmp_path / 'bin', 'python3', 'echo "pyenv: python3: command not found" >&2; exit 127')
    program(tmp_path / 'bin', 'python3.11', 'exit 1')
    program(tmp_path / 'bin', 'python3.12', delegate('three-twelve'))
    result = run_ensure(clone, tmp_path / 'bin')
    assert result.stdout == 'three-twelve\n', result.stderr


def test_an_interpreter_without_headers_is_the_second_choice(clone, tmp_path):
    without = f'case "$2" in *Python.h*) exit 1;; esac; {delegate("bare")}'
    program(tmp_path / 'bin', 'python3', without)
    program(tmp_path / 'bin', 'python3.11', delegate('with-headers'))
    if not os.path.exists(sysconfig.get_path('include') + '/Python.h'):
        pytest.skip('the running Python has no headers')
    assert run_ensure(clone, tmp_path / 'bin').stdout == 'with-headers\n'


def test_python_variable_is_used_or_refused(clone, tmp_path):
    chosen = program(tmp_path, 'mine', delegate('mine'))
    assert run_ensure(clone, tmp_path, PYTHON=str(chosen)).stdout == 'mine\n'
    result = run_ensure(clone, tmp_path, PYTHON='/nowhere/python')
    assert result.returncode == 1 and result.stdout == ''
    assert 'PYTHON=/nowhere/python does not run' in result.stderr


def test_c_compiler_alone_is_not_enough(tmp_path, monkeypatch):
    monkeypatch.delenv('CXX', raising=False)
    monkeypatch.setenv('PATH', str(tmp_path))
    program(tmp_path, 'gcc', '')
    with pytest.raises(SetupError) as caught:
        preflight.find_compiler()
    assert (
        'gcc is here, but it compiles C only' in caught.value.why and 'apt install g++' in caught.value.mend
    )
    program(tmp_path, 'g++', '')
    assert preflight.find_compiler() == 'g++'
    monkeypatch.setenv('CXX', 'absent++')
    with pytest.raises(SetupError, match='CXX=absent'):
        preflight.find_compiler()


@pytest.mark.skipif(not shutil.which('c++'), reason='no C++ compiler')
def test_missing_headers_are_named(tmp_path):
    with pytest.raises(SetupError) as caught:
        preflight.check_compiler('c++ -nostdinc', str(tmp_path))
    assert caught.value.what == 'Python.h is missing' and '-dev' in caught.value.mend


def test_a_broken_compiler_is_shown(tmp_path):
    broken = program(tmp_path, 'broken', 'echo "error: cannot execute cc1plus" >&2; exit 1')
    with pytest.raises(SetupError) as caught:
        preflight.check_compiler(str(broken))
    assert 'cannot execute cc1plus' in caught.value.why


def test_disk_and_jobs(tmp_path, monkeypatch):
    preflight.check_disk(tmp_path / 'not' / 'there', needed_gib=0)
    with pytest.raises(SetupError, match='not enough disk space'):
        preflight.check_disk(tmp_path, needed_gib=1e9)
    monkeypatch.setenv('MAX_JOBS', '3')
    assert preflight.build_jobs() == 3
    monkeypatch.setenv('MAX_JOBS', 'many')
    monkeypatch.setattr(preflight, 'available_gib', lambda: 0.2)
    assert preflight.build_jobs() == 1


def test_available_memory(tmp_path):
    meminfo = tmp_path / 'meminfo'
    meminfo.write_text('MemTotal: 9999999 kB\nMemAvailable:    2097152 kB\n')
    assert preflight.available_gib(meminfo) == 2.0
    assert preflight.available_gib(tmp_path / 'absent') == float('inf')


def test_no_pip_anywhere_gives_one_message(place, screen, monkeypatch):
    def refuse(command, title, subject, name, env=None):
        if '--without-pip' not in command:
            raise SetupError(f'{title} failed: {subject}', 'No module named pip', 'see log')

    monkeypatch.setattr(virtualenv, 'base_python', lambda: '/usr/bin/python3')
    with pytest.raises(SetupError) as caught:
        virtualenv.create(place, refuse, '[2/7] creating')
    assert 'neither ensurepip nor pip' in caught.value.why
    assert caught.value.mend.startswith('apt install python3.') and '-venv' in caught.value.mend


def test_a_pip_that_fails_is_reported_itself(place, screen):
    def refuse(command, title, subject, name, env=None):
        if '--without-pip' not in command:
            why = 'NewConnectionError' if name == 'pip-source-0' else 'No module named pip'
            raise SetupError(f'{title} failed: {subject}', why, 'see log')

    with pytest.raises(SetupError) as caught:
        virtualenv.create(place, refuse, '[2/7] creating')
    assert caught.value.why == 'NewConnectionError'


def test_wheel_without_ops_is_refused(tmp_path):
    wheel = tmp_path / 'onedl_mmcv-2.3.6-py3-none-any.whl'
    with zipfile.ZipFile(wheel, 'w') as archive:
        archive.writestr('mmcv/__init__.py', '')
    with pytest.raises(SetupError, match='onedl-mmcv') as caught:
        steps.check_has_ops(wheel, tmp_path / 'mmcv.log')
    assert 'no compiled ops' in caught.value.why
    with zipfile.ZipFile(wheel, 'a') as archive:
        archive.writestr('mmcv/_ext.cpython-311-x86_64-linux-gnu.so', '')
    steps.check_has_ops(wheel, tmp_path / 'mmcv.log')


class FakePip:
    """Stands for pip wheel: writes the given member into a wheel and records its environment."""

    def __init__(self, member):
        self.member, self.environment, self.calls = member, None, 0

    def __call__(self, command, title, subject, name, env=None):
        self.calls += 1
        self.environment = env
        folder = Path(command[command.index('-w') + 1])
        folder.mkdir(parents=True)
        with zipfile.ZipFile(folder / 'onedl_mmcv-2.3.6-cp311-cp311-linux_x86_64.whl', 'w') as archive:
            archive.writestr(self.member, '')


@pytest.fixture
def compiler(monkeypatch):
    monkeypatch.setattr(preflight, 'find_compiler', lambda: 'c++')
    monkeypatch.setattr(preflight, 'check_compiler', lambda compiler: None)
    monkeypatch.setenv('UNIHEMA_KERNELS', 'cpu')


def test_mmcv_is_built_once_per_torch(place, screen, compiler):
    pip = FakePip('mmcv/_ext.so')
    recipe = steps.Recipe(place, pip, screen)
    steps.build_mmcv(recipe, 'title')
    assert recipe.cached_wheel().parent.name.startswith('torch2.11.0-')
    assert pip.environment['MMCV_WITH_OPS'] == '1' and pip.environment['CUDA_VISIBLE_DEVICES'] == ''
    steps.build_mmcv(recipe, 'title')
    assert pip.calls == 1


def test_a_build_without_ops_leaves_no_wheel(place, screen, compiler):
    recipe = steps.Recipe(place, FakePip('mmcv/__init__.py'), screen)
    with pytest.raises(SetupError):
        steps.build_mmcv(recipe, 'title')
    assert recipe.cached_wheel() is None
    assert not list((place.cache / 'wheels').glob('*building*'))


def test_a_killed_setup_ends_its_compilers(tmp_path, screen):
    run, started = Runner(screen, tmp_path), []

    def interrupt(process, file, title):
        started.append(process)
        raise KeyboardInterrupt

    run._follow = interrupt
    with pytest.raises(KeyboardInterrupt):
        run([sys.executable, '-c', 'import time; time.sleep(60)'], 'title', 'subject', 'name')
    assert started[0].returncode == -signal.SIGTERM


def test_the_shared_environment_finds_the_clone_of_the_script(tmp_path):
    for name in ('one', 'two'):
        (tmp_path / name / 'unihema_mm').mkdir(parents=True)
        (tmp_path / name / 'unihema_mm' / 'version.py').touch()
    one, two = str(tmp_path / 'one'), str(tmp_path / 'two')
    assert find_clone(['python', f'{one}/tools/train.py', 'config.py'], two) == one
    assert find_clone(['python', '-c', 'import unihema_mm'], f'{two}/tools') == two
    assert find_clone(['python', '/elsewhere/script.py'], str(tmp_path)) is None
