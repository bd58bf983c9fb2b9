"""What the user reads: progress on stderr, and failures that name package, reason and mend."""

import re
import sys
import time
from pathlib import Path


class SetupError(Exception):
    """A failure with its mend.

    Args:
        what: The step and the package that failed.
        why: The reason, one or a few lines.
        mend: What the user can do.
        log: Full log, where there is one.
    """

    def __init__(self, what: str, why: str, mend: str, log: Path | None = None):
        super().__init__(what)
        self.what, self.why, self.mend, self.log = what, why, mend, log

    def __str__(self) -> str:
        why = self.why.strip().replace('\n', '\n        ')
        lines = [f'error: {self.what}', f'  why:  {why}', f'  do:   {self.mend}']
        if self.log:
            lines.append(f'  log:  {self.log}')
        return '\n'.join(lines)


# First match wins, so causes stand before their consequences.
MENDS = (
    (
        r'No space left on device|Errno 28',
        'free some disk space, or put the environment elsewhere: UNIHEMA_ENV_DIR=/path',
    ),
    (r'CERTIFICATE_VERIFY_FAILED', "name your network's certificate file to pip: PIP_CERT=/path/to/ca.pem"),
    (
        r'NewConnectionError|name resolution|Connection refused|ConnectTimeout|Read timed out'
        r'|ReadTimeoutError|Network is unreachable|ProxyError|Connection broken|Connection reset',
        'check the network and the registry that pip is configured for (pip config list), then repeat',
    ),
    (r'Python\.h: No such file', 'apt install python3-dev (the headers of the Python in use), then repeat'),
    (
        r'Killed signal|signal 9|cannot allocate memory|out of memory|MemoryError',
        'not enough memory: repeat with MAX_JOBS=1',
    ),
    (
        r"command 'c\+\+'|c\+\+: not found|g\+\+: not found|No such file or directory: 'c\+\+'",
        'apt install g++, then repeat',
    ),
    (
        r'Permission denied|Errno 13',
        'make the folder writable, or put the environment elsewhere: UNIHEMA_ENV_DIR=/path',
    ),
    (r'Read-only file system', 'put the cache on a writable disk: XDG_CACHE_HOME=/path'),
    (
        r'No matching distribution found|Could not find a version',
        'check that the registry of pip (pip config list) offers it: a mirror may be behind; then repeat',
    ),
    (
        r'ResolutionImpossible|conflicting dependencies',
        'requirements/tested.txt contradicts a package: see the log',
    ),
    (
        r'detected CUDA version .* mismatches',
        "install the CUDA toolkit of torch's version, or do without CUDA kernels: UNIHEMA_KERNELS=cpu",
    ),
    (r'THESE PACKAGES DO NOT MATCH THE HASHES|BadZipFile|invalid wheel', 'pip cache purge, then repeat'),
)

PACKAGE_PATTERNS = (
    r'No matching distribution found for ([\w.\-=<>!~]+)',
    r'Could not find a version that satisfies the requirement ([\w.\-=<>!~]+)',
    r'Failed building wheel for ([\w.\-]+)',
    r'Failed to build ([\w.\-]+)',
    r'Could not install packages due to .*?site-packages/([\w.\-]+)',
)

MEANINGFUL = re.compile(
    r'error|Error|ERROR|not found|No such file|Killed|denied|conflict|timed out', re.ASCII
)
# Lines that match, but repeat the failure and do not explain it.
NOISE = re.compile(
    r'subprocess-exited-with-error|See above for output|This error originates from a subprocess|^\s*\|'
    r'|metadata-generation-failed|warning:|^WARNING|\[notice\]|exit code: \d+$',
    re.ASCII,
)


def meaningful_lines(text: str, count: int = 4) -> str:
    """Return the last lines of a log that say why, or simply the last lines."""
    lines = [line.strip()[:300] for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if MEANINGFUL.search(line) and not NOISE.search(line)]
    return '\n'.join(dict.fromkeys((telling or lines)[-count:])) or 'no output'


def failing_package(text: str) -> str | None:
    """Return the package that pip's output blames."""
    for pattern in PACKAGE_PATTERNS:
        found = re.findall(pattern, text)
        if found:
            return found[-1]
    return None


def find_mend(text: str, default: str = 'see the full log, then repeat') -> str:
    """Return the mend for the first known cause in a log."""
    return next((mend for pattern, mend in MENDS if re.search(pattern, text, re.IGNORECASE)), default)


def failure(title: str, subject: str, text: str, log: Path) -> SetupError:
    """Turn the output of a failed command into an error that names package, reason and mend."""
    package = failing_package(text) or subject
    return SetupError(f'{title} failed: {package}', meaningful_lines(text), find_mend(text), log)


class Screen:
    """Progress lines on stderr with the seconds since the start; a terminal shows one renewed line."""

    def __init__(self, stream=None, clock=time.monotonic):
        self.stream = stream or sys.stderr
        self.clock, self.start = clock, clock()
        self.live = self.stream.isatty()
        self.pending = False

    def say(self, text: str) -> None:
        self._finish_line()
        print(f'{self._stamp()} {text}', file=self.stream, flush=True)

    def tick(self, text: str) -> None:
        """Show that a step is alive."""
        line = f'{self._stamp()} {text}'
        if self.live:
            print(f'\r\033[K{line[:110]}', end='', file=self.stream, flush=True)
            self.pending = True
        else:
            print(line, file=self.stream, flush=True)

    def _stamp(self) -> str:
        return f'{self.clock() - self.start:5.0f} s'

    def _finish_line(self) -> None:
        if self.pending:
            print('\r\033[K', end='', file=self.stream)
            self.pending = False
