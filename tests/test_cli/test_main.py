"""Commands are found, say what they take, and end with the documented exit code."""

import os
import subprocess
import sys
from signal import SIGTERM, getsignal, raise_signal

import pytest

from unihema_mm.cli import main as cli
from unihema_mm.cli import tools
from unihema_mm.utils.errors import InputError

OWN = ('predict', 'ask', 'report', 'serve')


def as_command(monkeypatch, run):
    monkeypatch.setitem(cli.COMMANDS, 'ask', cli.Command('', run))


@pytest.mark.parametrize('name', OWN)
def test_help_has_examples(name, unihema):
    code, out, _ = unihema(name, '--help')
    assert code == 0
    assert f'usage: unihema {name}' in out and 'examples:' in out and 'research use' in out


def test_help_of_all(unihema):
    code, out, _ = unihema('--help')
    assert code == 0
    assert all(f'  {name} ' in out for name in (*OWN, 'doctor', 'train', 'test', 'curriculum', 'data'))
    assert unihema('--version')[0] == 0
    assert unihema('doctor', '--help')[0] == 0


@pytest.mark.parametrize(
    'arguments',
    [
        [],
        ['predikt'],
        ['predict'],
        ['predict', 'a.png'],
        ['predict', 'a.png', '--model', 'm'],
        ['predict', 'a.png', '--model', 'm', '--json', '--score', '2'],
        ['predict', 'a.png', '--model', 'm', '--json', '--score', 'nan'],
        ['predict', 'a.png', '--model', 'm', '--json', '--tile', '3x4x5'],
        ['predict', 'a.png', '--model', 'm', '--json', '--batch-size', '0'],
        ['predict', 'a.png', '--model', 'm', '--out', 'o', '--formats', 'csv,excel'],
        ['ask', 'a.png', '--model', 'm'],
        ['report', 'run', '--out', 'o', '--prompt', 'Malaria'],
        ['report', 'a', '--model', 'm', '--out', 'o', '--wbc-per-ul', 'many'],
        ['report', 'a', '--model', 'm', '--out', 'o', '--wbc-per-ul', '3', '--wbc-per-ul', 's=4'],
        ['serve', 'm', '--user', 'lab'],
    ],
)
def test_wrong_arguments(arguments, unihema, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv('UNIHEMA_PASSWORD', raising=False)
    code, out, err = unihema(*arguments)
    assert (code, out) == (2, '')
    assert 'error: ' in err.splitlines()[-1] and 'Traceback' not in err
    assert not list(tmp_path.iterdir())


def test_help_does_not_import_torch(repo):
    code = (
        'import sys; from unihema_mm.cli.main import main\n'
        f'for name in {OWN}: main([name, "--help"])\n'
        'print(sorted({"torch", "mmdet", "mmcv"} & {*sys.modules}))'
    )
    done = subprocess.run([sys.executable, '-c', code], cwd=repo, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == '[]', done.stderr


@pytest.mark.parametrize(
    ('ending', 'code', 'line'),
    [
        (InputError('a.png: no'), 2, 'error: a.png: no'),
        (OSError(28, 'No space left on device', 'x'), 2, "error: [Errno 28] No space left on device: 'x'"),
        (KeyboardInterrupt(), 130, 'interrupted; repeat the command to go on'),
        (BrokenPipeError(), 141, ''),
        (ZeroDivisionError('a bug'), 70, 'ZeroDivisionError: a bug'),
    ],
)
def test_what_ends_a_command(ending, code, line, unihema, monkeypatch):
    def run(arguments):
        raise ending

    as_command(monkeypatch, run)
    ended, out, err = unihema('ask')
    assert (ended, out) == (code, '')
    assert (err.splitlines() or [''])[-1] == line
    assert ('Traceback' in err) == (code == 70)


def test_sigterm_is_an_interrupt_only_meanwhile(unihema, monkeypatch):
    before = getsignal(SIGTERM)
    as_command(monkeypatch, lambda arguments: raise_signal(SIGTERM))
    assert unihema('ask')[0] == 130
    assert getsignal(SIGTERM) is before


def test_tools_get_their_arguments(unihema, monkeypatch, repo):
    started = []
    monkeypatch.setattr(tools.os, 'execve', lambda *call: started.append(call))
    monkeypatch.setenv('PYTHONPATH', 'own')
    for name in ('train', 'test', 'curriculum', 'data'):
        unihema(name, '--help', '--json', '-1')
    scripts = ['train.py', 'test.py', 'run_curriculum.py', 'prepare_data.py']
    for (program, command, environment), script in zip(started, scripts, strict=True):
        assert command == [program, str(repo / 'tools' / script), '--help', '--json', '-1']
        assert environment['PYTHONPATH'] == f'{repo}{os.pathsep}own'


def test_tools_of_an_installed_package(tmp_path):
    package = tmp_path / 'unihema_mm'
    (tmp_path / 'tools').mkdir()
    (tmp_path / 'tools' / 'train.py').touch()  # of another package
    with pytest.raises(InputError, match=r'train\.py: this installation has no tools; install'):
        tools.find_tool('train.py', package)
    (package / '.mim' / 'tools').mkdir(parents=True)
    (package / '.mim' / 'tools' / 'train.py').touch()
    assert tools.find_tool('train.py', package) == package / '.mim' / 'tools' / 'train.py'


def test_a_tool_as_a_process(repo, tmp_path):
    environment = {**os.environ, 'PYTHONPATH': str(repo)}
    done = subprocess.run(
        [sys.executable, '-m', 'unihema_mm', 'data', 'check', 'nowhere'],
        cwd=tmp_path, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1 and 'nowhere' in done.stdout, done.stderr
