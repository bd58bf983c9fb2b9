"""The browser for continuous integration: installed where that is possible, and never a failure."""

import shutil
import subprocess

import pytest

TOOLS = ('bash', 'env', 'mktemp', 'rm', 'tail', 'timeout')
MADE = '#!/bin/sh\necho "$DEBIAN_FRONTEND $*" >> {folder}/calls\n'


@pytest.fixture
def install(repo, tmp_path):
    """Callable (**stub scripts) -> output of the script and its calls of apt-get, with stubs for programs."""

    def call(**stubs):
        for tool in TOOLS:
            (tmp_path / tool).symlink_to(shutil.which(tool))
        for name, body in stubs.items():
            path = tmp_path / name.replace('_', '-')
            path.write_text(MADE.format(folder=tmp_path) + body)
            path.chmod(0o755)
        done = subprocess.run(
            [repo / '.ci/install_browser'],
            env={'PATH': str(tmp_path), 'TMPDIR': str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        calls = tmp_path / 'calls'
        made = calls.read_text().splitlines() if calls.exists() else []
        return done.stdout, [line for line in made if line.startswith('noninteractive')]

    return call


def test_a_browser_that_is_there_is_taken(install):
    assert install(chromium='', apt_get='') == ('', [])


def test_one_is_installed(install, tmp_path):
    # As the package does with its last step.
    unpack = f'case "$*" in *--no-download*) /bin/cp {tmp_path}/apt-get {tmp_path}/chromium;; esac'
    said, calls = install(id='echo 0', apt_get=unpack)
    assert said.startswith('installed ') and said.count('\n') == 1
    assert [' update' in call for call in calls] == [True, False, False]
    assert all(' -y --no-install-recommends ' in call for call in calls[1:])


@pytest.mark.parametrize(
    ('stubs', 'reason'),
    [
        ({}, 'no apt-get'),
        ({'id': 'echo 1000', 'apt_get': ''}, 'only root'),
        ({'id': 'echo 0', 'apt_get': 'echo "E: no network" >&2; exit 100'}, 'E: no network\nno browser: '),
        ({'id': 'echo 0', 'apt_get': ''}, 'could not be installed'),
    ],
)
def test_where_it_cannot_the_tests_are_skipped_and_that_is_said(install, stubs, reason):
    said, _ = install(**stubs)
    assert reason in said and said.endswith('will be skipped\n')
