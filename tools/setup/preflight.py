"""What can be known before the long downloads: compiler, headers, disk, memory."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from .report import SetupError

# torch with its CUDA libraries, unpacked, is most of it; the download cache of pip comes on top.
ENVIRONMENT_GIB = 7
# One C++ file of mmcv takes about 0.7 GiB of memory to compile.
JOB_GIB = 1.0

PROBE = '#include <Python.h>\n#include <vector>\nint probe() { return (int)std::vector<int>(1).size(); }\n'


def find_compiler() -> str:
    """Return the C++ compiler that torch's build will call: ``CXX``, else the first that is there.

    Raises:
        SetupError: If there is none. A C compiler alone is not enough.
    """
    chosen = os.environ.get('CXX')
    if chosen:
        if shutil.which(chosen.split()[0]):
            return chosen
        raise SetupError(f'CXX={chosen}', 'there is no such program', 'unset CXX, or name a C++ compiler')
    found = next((name for name in ('c++', 'g++', 'clang++') if shutil.which(name)), None)
    if found:
        return found
    also = 'gcc is here, but it compiles C only; ' if shutil.which('gcc') else ''
    raise SetupError(
        'no C++ compiler',
        f"{also}mmcv's ops are C++ and are compiled on this machine",
        'apt install g++, then repeat',
    )


def check_compiler(compiler: str, include: str | None = None) -> None:
    """Compile three lines that need ``Python.h`` and the C++ library.

    Raises:
        SetupError: If that fails; the message says which of the two is missing.
    """
    include = include or sysconfig.get_path('include')
    command = [*compiler.split(), '-x', 'c++', '-std=c++17', '-fsyntax-only', '-I', include, '-']
    result = subprocess.run(command, input=PROBE, capture_output=True, text=True, check=False)
    if result.returncode == 0:
        return
    version = f'{sys.version_info.major}.{sys.version_info.minor}'
    if 'Python.h' in result.stderr:
        raise SetupError(
            'Python.h is missing',
            f"the headers of {sys.executable} are not in {include}; mmcv's ops are compiled against them",
            f'apt install python{version}-dev, or name a Python with them: make PYTHON=/path/to/python ...',
        )
    lines = [line for line in result.stderr.splitlines() if 'error' in line]
    raise SetupError(
        f'the C++ compiler {compiler} does not work',
        '\n'.join(lines[:3]) or result.stderr[-300:] or f'exit status {result.returncode}',
        'apt install g++ (with libstdc++), or name another one: CXX=/path/to/g++',
    )


def check_disk(folder: Path, needed_gib: float = ENVIRONMENT_GIB) -> None:
    """Raise a SetupError unless the disk under ``folder`` has room for the environment."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(existing).free / 2**30
    if free < needed_gib:
        raise SetupError(
            'not enough disk space',
            f'{free:.1f} GiB are free at {existing}, about {needed_gib} GiB are needed',
            'free some, or put it elsewhere: UNIHEMA_ENV_DIR=/path (environment) or XDG_CACHE_HOME=/path',
        )


def build_jobs() -> int:
    """Return the number of parallel compilers: ``MAX_JOBS``, else as many as cores and memory allow."""
    chosen = os.environ.get('MAX_JOBS', '')
    if chosen.isdigit() and int(chosen) > 0:
        return int(chosen)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1
    return max(1, min(cores, int(available_gib() / JOB_GIB)))


def available_gib(meminfo: Path = Path('/proc/meminfo')) -> float:
    """Return the memory that is available now, in GiB; infinite where the system does not say."""
    try:
        lines = meminfo.read_text(encoding='ascii').splitlines()
    except OSError:
        return float('inf')
    return next(
        (int(line.split()[1]) / 2**20 for line in lines if line.startswith('MemAvailable:')), float('inf')
    )
