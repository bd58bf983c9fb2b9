"""Where things lie: the environment is keyed by what decides its content, so clones can share it."""

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]

# Raise it when the recipe changes in a way that the requirement files do not show.
RECIPE = 1


@dataclass(frozen=True)
class Layout:
    """Paths of one environment.

    Args:
        key: Name of the environment: Python, platform, build flavour and a hash of the requirements.
        env: Folder of the environment.
        cache: The project's folder in the user's cache.
        custom: Whether the user named the folder (``UNIHEMA_ENV_DIR``).
    """

    key: str
    env: Path
    cache: Path
    custom: bool

    @property
    def python(self) -> Path:
        return self.env / 'bin' / 'python'

    @property
    def marker(self) -> Path:
        """Written last: the environment is whole."""
        return self.env / '.unihema-ready.json'

    @property
    def state(self) -> Path:
        """Which steps are done, and which one was running."""
        return self.env / '.unihema-state.json'

    @property
    def lock(self) -> Path:
        return self.env.with_name(self.env.name + '.lock')

    @property
    def logs(self) -> Path:
        return self.cache / 'logs' / self.key

    def wheels(self, torch_version: str, flavour: str) -> Path:
        """Folder of the built mmcv wheel, which fits one torch, one Python and one set of kernels."""
        return self.cache / 'wheels' / f'torch{torch_version}-{python_tag()}-{platform_tag()}-{flavour}'


def python_tag() -> str:
    """Return for example ``cp311``."""
    prefix = {'cpython': 'cp', 'pypy': 'pp'}.get(sys.implementation.name, sys.implementation.name)
    return f'{prefix}{sys.version_info.major}{sys.version_info.minor}'


def platform_tag() -> str:
    """Return for example ``linux-x86_64``."""
    return f'{sys.platform}-{platform.machine()}'


def requirement_lines(folder: Path) -> list[str]:
    """Return what the requirement files ask for, sorted by file, without comments and blank lines."""
    lines = []
    for path in sorted(folder.glob('*.txt')):
        text = path.read_text(encoding='utf-8')
        stripped = (line.split(' #')[0].strip() for line in text.splitlines() if not line.startswith('#'))
        lines += [f'{path.name}: {line}' for line in stripped if line]
    return lines


def pinned_version(folder: Path, name: str) -> str:
    """Return the version that ``tested.txt`` pins with ``name==version``."""
    for line in (folder / 'tested.txt').read_text(encoding='utf-8').splitlines():
        if line.startswith(f'{name}=='):
            return line.split('==')[1].split()[0]
    raise ValueError(f'{folder / "tested.txt"}: no line "{name}==VERSION"')


def environment_key(folder: Path, kernels: str) -> str:
    """Return the environment's name, which ends in a hash of everything that decides its content."""
    parts = [f'recipe: {RECIPE}', python_tag(), platform_tag(), kernels, *requirement_lines(folder)]
    digest = hashlib.sha256('\n'.join(parts).encode()).hexdigest()[:12]
    return f'{python_tag()}-{platform_tag()}-{kernels}-{digest}'


def nvcc_path() -> str | None:
    """Return the CUDA compiler: of CUDA_HOME, of PATH, or at its usual place."""
    homes = [os.environ.get('CUDA_HOME'), os.environ.get('CUDA_PATH'), '/usr/local/cuda']
    paths = [Path(home) / 'bin' / 'nvcc' for home in homes if home]
    return next((str(path) for path in paths if path.is_file()), shutil.which('nvcc'))


def nvcc_version() -> str:
    """Return for example ``13.0``, empty where there is no CUDA compiler."""
    nvcc = nvcc_path()
    if not nvcc:
        return ''
    output = subprocess.run([nvcc, '--version'], capture_output=True, text=True, check=False).stdout
    found = re.search(r'release (\d+\.\d+)', output)
    return found[1] if found else ''


def has_gpu() -> bool:
    """Tell whether a GPU of NVIDIA is visible, without torch."""
    smi = shutil.which('nvidia-smi')
    if not smi:
        return False
    result = subprocess.run([smi, '-L'], capture_output=True, text=True, check=False)
    return result.returncode == 0 and 'GPU' in result.stdout


def wanted_kernels() -> str:
    """Return ``cuda`` where mmcv's CUDA kernels are wanted and can be compiled, else ``cpu``.

    ``UNIHEMA_KERNELS`` overrides the choice.
    """
    chosen = os.environ.get('UNIHEMA_KERNELS')
    if chosen:
        if chosen not in ('cpu', 'cuda'):
            raise ValueError(f'UNIHEMA_KERNELS={chosen}: expected cpu or cuda')
        return chosen
    return 'cuda' if nvcc_path() and has_gpu() else 'cpu'


def cache_folder() -> Path:
    """Return the project's folder in the user's cache (``XDG_CACHE_HOME``, else ``~/.cache``)."""
    base = os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache'
    return Path(base).expanduser().absolute() / 'unihema_mm'


def find_layout(repository: Path = REPOSITORY) -> Layout:
    """Return the layout for the requirements of ``repository`` and the running Python."""
    key = environment_key(repository / 'requirements', wanted_kernels())
    cache, custom = cache_folder(), os.environ.get('UNIHEMA_ENV_DIR')
    env = Path(custom).expanduser().absolute() if custom else cache / 'envs' / key
    return Layout(key=key, env=env, cache=cache, custom=bool(custom))
