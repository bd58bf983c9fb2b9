"""A failing step names the package, the reason, the mend and the log."""

import io
import sys

import pytest

from tools.setup.process import Runner, clean_environment
from tools.setup.report import Screen, SetupError, failure, find_mend, meaningful_lines

NO_DISTRIBUTION = """Looking in indexes: somewhere
ERROR: Could not find a version that satisfies the requirement transformers==4.57.6 (from versions: 1.0)
ERROR: No matching distribution found for transformers==4.57.6
"""
COMPILE = """Building wheels for collected packages: onedl-mmcv
  error: subprocess-exited-with-error
  x Building wheel for onedl-mmcv (pyproject.toml) did not run successfully.
  | exit code: 1
  csrc/pytorch/nms.cpp:1:10: fatal error: Python.h: No such file or directory
  note: This error originates from a subprocess, and is likely not a problem with pip.
ERROR: Failed building wheel for onedl-mmcv
Failed to build onedl-mmcv
"""


def test_missing_distribution(tmp_path):
    text = str(failure('[4/7] installing', 'requirements/runtime.txt', NO_DISTRIBUTION, tmp_path / 'x.log'))
    assert text.splitlines()[0] == 'error: [4/7] installing failed: transformers==4.57.6'
    assert 'why:  ERROR: Could not find a version' in text
    assert 'do:   check that the registry' in text and str(tmp_path / 'x.log') in text


def test_compile_error_shows_the_cause_and_not_the_wrapping(tmp_path):
    error = failure('[5/7] building mmcv', 'onedl-mmcv==2.3.6', COMPILE, tmp_path / 'x.log')
    assert error.what == '[5/7] building mmcv failed: onedl-mmcv'
    assert 'Python.h: No such file' in error.why and 'subprocess-exited' not in error.why
    assert 'python3-dev' in error.mend


@pytest.mark.parametrize(
    ('text', 'mend'),
    [
        ('OSError: [Errno 28] No space left on device', 'disk space'),
        ('c++: fatal error: Killed signal terminated program cc1plus', 'MAX_JOBS=1'),
        ('WARNING: Retrying after NewConnectionError(...): Temporary failure in name resolution', 'network'),
        ("error: command 'c++' failed: No such file or directory", 'g++'),
        ('SSLError(SSLCertVerificationError(1, [SSL: CERTIFICATE_VERIFY_FAILED]', 'PIP_CERT'),
        ('RuntimeError: The detected CUDA version (12.4) mismatches the version', 'UNIHEMA_KERNELS=cpu'),
        ('something else', 'full log'),
    ],
)
def test_mends(text, mend):
    assert mend in find_mend(text)


def test_without_error_lines_the_last_lines_are_shown():
    assert meaningful_lines('one\ntwo\n\nthree\n', count=2) == 'two\nthree'
    assert meaningful_lines('') == 'no output'


def test_runner_returns_output_and_writes_the_log(tmp_path, screen):
    run = Runner(screen, tmp_path)
    assert run([sys.executable, '-c', 'print("hello")'], 'title', 'subject', 'name') == 'hello\n'
    assert 'hello' in (tmp_path / 'name.log').read_text()


@pytest.mark.parametrize(
    ('command', 'why'),
    [
        ([sys.executable, '-c', 'raise SystemExit("fatal error: broken")'], 'fatal error: broken'),
        ([sys.executable, '-c', 'import os; os.kill(os.getpid(), 9)'], 'Killed by signal 9'),
        (['/nowhere/program'], 'No such file or directory'),
    ],
)
def test_runner_reports_failures(tmp_path, screen, command, why):
    with pytest.raises(SetupError) as caught:
        Runner(screen, tmp_path)(command, '[1/1] step', 'package', 'name')
    assert why in caught.value.why and caught.value.log == tmp_path / 'name.log'
    assert caught.value.what == '[1/1] step failed: package'


def test_runner_shows_ninja_steps(tmp_path, screen):
    run = Runner(screen, tmp_path)
    run.interval = 0.1
    code = 'import time; print("[3/78] c++ nms.cpp", flush=True); time.sleep(1.0)'
    run([sys.executable, '-c', code], '[5/7] building', 'mmcv', 'name')
    assert ', 3 of 78 files' in screen.stream.getvalue()


def test_children_see_no_foreign_packages(monkeypatch):
    monkeypatch.setenv('PYTHONPATH', '/somewhere')
    environment = clean_environment(MAX_JOBS='2')
    assert 'PYTHONPATH' not in environment and environment['MAX_JOBS'] == '2'


def test_a_terminal_gets_one_renewed_line():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Screen(stream=Terminal())
    terminal.tick('one')
    terminal.tick('two')
    assert terminal.stream.getvalue().count('\n') == 0
    terminal.say('done')
    assert terminal.stream.getvalue().endswith('done\n')
