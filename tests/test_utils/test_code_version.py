"""Which code runs, inside and outside of a git checkout."""

import subprocess

import pytest

from unihema_mm.utils import code_version as module
from unihema_mm.utils.code_version import code_version
from unihema_mm.version import __version__


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Folder with a file version.py in place of the package."""
    folder = tmp_path / 'package'
    folder.mkdir()
    (folder / 'version.py').touch()
    monkeypatch.setattr(module, '_PACKAGE', folder)
    return folder


def git(folder, *arguments):
    identity = ['-c', 'user.name=a', '-c', 'user.email=a@example.org']
    run = subprocess.run(
        ['git', *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return run.stdout.strip()


def test_checkout(package):
    git(package, 'init')
    assert code_version() == dict(version=__version__, commit=None)  # installed below a foreign checkout
    git(package, 'add', '.')
    git(package, 'commit', '-m', 'first')
    commit = git(package, 'rev-parse', 'HEAD')
    assert code_version() == dict(version=__version__, commit=commit)
    (package / 'version.py').write_text('changed')
    assert code_version()['commit'] == f'{commit}+changes'


def test_no_checkout_and_no_git(package, monkeypatch):
    monkeypatch.setenv('GIT_CEILING_DIRECTORIES', str(package.parent))
    assert code_version() == dict(version=__version__, commit=None)
    monkeypatch.setenv('PATH', '')
    assert code_version() == dict(version=__version__, commit=None)
