"""The wheel holds what the package reads at run time, and the tools and configs of the command line."""

import subprocess
import sys

import pytest


@pytest.fixture(scope='module')
def built(repo, tmp_path_factory):
    """Folder of what goes into the wheel."""
    folder = tmp_path_factory.mktemp('build')
    command = [sys.executable, 'setup.py', '-q', 'build_py', '--build-lib', str(folder)]
    done = subprocess.run(command, cwd=repo, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


def files(root, but=('.py', '.pyc')):
    return {path.relative_to(root).as_posix() for path in root.rglob('*')
            if path.is_file() and path.suffix not in but}  # fmt: skip


def test_data_of_the_package_is_in_the_wheel(repo, built):
    expected = files(repo / 'unihema_mm')
    assert 'apis/reports/templates/report.html' in expected
    assert expected <= files(built / 'unihema_mm')


def test_tools_and_configs_are_in_the_wheel(repo, built):
    inside = built / 'unihema_mm/.mim'
    for name in ('train.py', 'test.py', 'run_curriculum.py', 'prepare_data.py'):
        assert (inside / 'tools' / name).is_file()
    assert files(inside / 'configs', ()) == files(repo / 'configs', ('.pyc',))


def test_sources_of_a_package_hold_its_data(repo):
    """MANIFEST.in, which decides what a source distribution has, knows every kind of file."""
    kinds = {path.rpartition('.')[2] for path in files(repo / 'unihema_mm')}
    (line,) = [one for one in (repo / 'MANIFEST.in').read_text().splitlines() if 'unihema_mm' in one]
    assert kinds <= {pattern.removeprefix('*.') for pattern in line.split()[2:]}
