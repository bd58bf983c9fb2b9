"""A virtual environment with pip in it, also where Debian took ensurepip out of Python."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from .layout import Layout
from .process import Runner
from .report import SetupError

# Where Debian keeps the wheels that ensurepip would use.
DEBIAN_WHEELS = Path('/usr/share/python-wheels')

ABSENT = re.compile(r'No module named|No such file or directory')


def base_python() -> str:
    """Return the interpreter behind a virtual environment, or the running one."""
    return getattr(sys, '_base_executable', None) or sys.executable


def pip_sources(
    layout: Layout, site_packages: Path, wheels: Path = DEBIAN_WHEELS
) -> Iterator[list[str | Path]]:
    """Yield commands that put pip into an environment without one, the likeliest first."""
    into = ['install', '--upgrade', '--no-warn-script-location', '--target', site_packages, 'pip']
    # --target works with every pip, and is exempt from Debian's "externally managed" refusal.
    yield [base_python(), '-m', 'pip', *into]
    yield [sys.executable, '-m', 'pip', *into]
    for wheel in sorted(wheels.glob('pip-*.whl'), reverse=True):
        yield [layout.python, wheel / 'pip', *into]
    yield [base_python(), '-m', 'virtualenv', '--python', base_python(), layout.env]
    yield ['pip3', '--python', layout.python, 'install', 'pip']  # of whatever Python PATH offers
    yield ['uv', 'pip', 'install', '--python', layout.python, 'pip']


def create(layout: Layout, run: Runner, title: str) -> None:
    """Create the environment at ``layout.env`` with pip.

    Raises:
        SetupError: If neither ensurepip nor any pip is on this machine, with the command that installs one.
    """
    version = f'{sys.version_info.major}.{sys.version_info.minor}'
    try:
        run([base_python(), '-m', 'venv', layout.env], title, 'venv', 'venv')
        run([layout.python, '-m', 'pip', '--version'], title, 'pip', 'pip-version')
        return
    except SetupError:
        pass  # Debian without python3-venv: venv works, ensurepip is not there.
    mend = f'apt install python{version}-venv, then repeat'
    try:
        run([base_python(), '-m', 'venv', '--without-pip', layout.env], title, 'venv', 'venv')
    except SetupError as error:
        raise SetupError(error.what, error.why, mend, error.log) from None
    site_packages = layout.env / 'lib' / f'python{version}' / 'site-packages'
    failures = []
    for number, command in enumerate(pip_sources(layout, site_packages)):
        try:
            run(command, title, 'pip', f'pip-source-{number}')
            run([layout.python, '-m', 'pip', '--version'], title, 'pip', 'pip-version')
            return
        except SetupError as error:
            failures.append(error)
    # A pip that is there and failed knows more than "there is no pip".
    for error in failures:
        if not ABSENT.search(error.why):
            raise error
    raise SetupError(
        f'{title} failed: pip',
        f'{base_python()} has neither ensurepip nor pip, and no other pip was found',
        mend,
        failures[-1].log,
    )
