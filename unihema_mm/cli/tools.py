"""Doors to the programs in ``tools/``, which take their own arguments."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import unihema_mm
from unihema_mm.utils.errors import InputError


def run_tool(tool: str, arguments: Sequence[str]) -> NoReturn:
    """Replace this process by a tool, so that signals and exit code are its own.

    Args:
        tool: File name.
        arguments: Passed on as they are.

    Raises:
        InputError: The tools are not there.
    """
    package = Path(unihema_mm.__file__).resolve().parent
    script = find_tool(tool, package)
    environment = dict(os.environ)
    if script.parent.parent == package.parent:
        # A clone that is not installed is found by the folder in which this process was started.
        known = [part for part in (environment.get('PYTHONPATH'),) if part]
        environment['PYTHONPATH'] = os.pathsep.join([str(package.parent), *known])
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(sys.executable, [sys.executable, str(script), *arguments], environment)


def find_tool(tool: str, package: Path) -> Path:
    """Find a tool: in the wheel where mim looks for it, or in the clone.

    Raises:
        InputError: It is in neither.
    """
    clone = package.parent
    folders = [package / '.mim' / 'tools']
    if (clone / 'configs' / 'uni_hema').is_dir():
        folders.append(clone / 'tools')
    for folder in folders:
        if (folder / tool).is_file():
            return folder / tool
    raise InputError(
        f'{tool}: this installation has no tools; install the package from a clone or its wheel, or call '
        f'python tools/{tool} in a clone'
    )
