"""Which state of the code runs."""

import subprocess
from pathlib import Path

from unihema_mm.version import __version__

_PACKAGE = Path(__file__).resolve().parents[1]


def code_version() -> dict[str, str | None]:
    """Version of the package, and the commit where it runs from a git checkout.

    Returns:
        ``version`` and ``commit``; the latter ends in ``+changes`` where the package differs from it, and is
        None outside a checkout or without git.
    """
    commit = None
    if _git('ls-files', '--error-unmatch', 'version.py') is not None:
        commit = _git('rev-parse', 'HEAD')
        if commit and _git('status', '--porcelain', '--', '.'):
            commit += '+changes'
    return {'version': __version__, 'commit': commit}


def _git(*arguments: str) -> str | None:
    try:
        run = subprocess.run(
            ['git', '-C', str(_PACKAGE), *arguments], capture_output=True, text=True, timeout=60, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return run.stdout.strip()
