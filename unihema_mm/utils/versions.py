"""Which versions of other packages this one works with: too old is an error, newer than tested a warning.

Only metadata is read, no package is imported; so this runs in milliseconds and in a broken environment.
"""

import importlib.util
import re
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import metadata
from itertools import pairwise
from pathlib import Path

INSTALL_ALL = 'make env, or pip install -c requirements/tested.txt -r requirements/runtime.txt'
INSTALL_MMCV = (
    'pip install -c requirements/tested.txt -r requirements/build.txt && MMCV_WITH_OPS=1 pip install '
    '--no-cache-dir --no-build-isolation -c requirements/tested.txt -r requirements/mmcv.txt'
)


@dataclass(frozen=True)
class Requirement:
    """One package this project builds on.

    Args:
        module: Import name.
        distributions: Names under which it may be installed, the recommended one first.
        minimum: Lowest version that is accepted.
        tested: Version of the tested combination (``requirements/tested.txt``).
        required: Whether ``import unihema_mm`` needs it; without the others some configs do not build.
        mend: Command that installs it.
        newer: What is known about versions above the tested one.
    """

    module: str
    distributions: tuple[str, ...]
    minimum: str
    tested: str
    required: bool = True
    mend: str = ''
    newer: str = ''

    @property
    def command(self) -> str:
        """Command that installs the tested version."""
        return self.mend or f"pip install '{self.distributions[0]}=={self.tested}'"


REQUIREMENTS = (
    Requirement('torch', ('torch',), '2.4', '2.11.0'),
    Requirement('torchvision', ('torchvision',), '0.19', '0.26.0'),
    Requirement('mmengine', ('onedl-mmengine', 'mmengine', 'mmengine-lite'), '0.10.4', '0.10.12'),
    Requirement('mmcv', ('onedl-mmcv', 'mmcv'), '2.1.0', '2.3.6', mend=INSTALL_MMCV),
    Requirement('mmdet', ('onedl-mmdetection', 'mmdet'), '3.3.0', '3.5.1'),
    Requirement(
        'transformers',
        ('transformers',),
        '4.45',
        '4.57.6',
        newer='transformers 5 breaks the import of mmdet.models and mmpretrain.models',
    ),
    Requirement('numpy', ('numpy',), '1.26', '2.2.6'),
    Requirement('cv2', ('opencv-python-headless', 'opencv-python'), '4.9', '4.12.0.88'),
    Requirement('mmpretrain', ('onedl-mmpretrain', 'mmpretrain'), '1.2.0', '1.3.6', required=False),
    Requirement('mmseg', ('onedl-mmsegmentation', 'mmsegmentation'), '1.2.2', '1.4.2', required=False),
)


@dataclass(frozen=True)
class Problem:
    """Something that is missing or does not fit.

    Args:
        what: Package or device.
        why: What is wrong, one line.
        mend: Command that mends it.
        required: Whether the project is unusable without it.
    """

    what: str
    why: str
    mend: str
    required: bool = True

    def __str__(self) -> str:
        return f'{self.why}: {self.mend}'


def release(version: str) -> tuple[int, ...]:
    """Return the release numbers without trailing zeros: ``2.11.0+cu130`` and ``2.11.0rc1`` give ``(2, 11)``.

    Raises:
        ValueError: If the text does not start with a number.
    """
    found = re.match(r'v?(\d+(?:\.\d+)*)', version)
    if not found:
        raise ValueError(f'not a version: {version!r}')
    numbers = [int(part) for part in found[1].split('.')]
    while len(numbers) > 1 and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def module_folder(module: str) -> Path | None:
    """Return the folder of a top-level package without importing it, None where it is not installed."""
    spec = importlib.util.find_spec(module)
    locations = list(spec.submodule_search_locations or []) if spec else []
    return Path(locations[0]) if locations else None


def installed_version(requirement: Requirement) -> str | None:
    """Return the version of the installed package, None where the package cannot be found.

    The metadata of the distribution is asked first; a package that lies on the path without metadata (a
    source tree) is asked for ``__version__`` in its ``version.py``.
    """
    folder = module_folder(requirement.module)
    if folder is None:
        return None
    for name in requirement.distributions:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    file = folder / 'version.py'
    text = file.read_text(encoding='utf-8') if file.is_file() else ''
    found = re.search(r"^__version__ = ['\"](.+?)['\"]", text, re.MULTILINE)
    return found[1] if found else 'unknown'


def too_old(requirement: Requirement, found: str | None) -> Problem | None:
    """Return the problem of a package that is missing or below its minimum, None where it is usable."""
    need = f'{requirement.module}>={requirement.minimum}'
    if found is None:
        why = f'unihema_mm needs {need}, which is not installed'
    elif found != 'unknown' and release(found) < release(requirement.minimum):
        why = f'unihema_mm needs {need}, found {requirement.module} {found}'
    else:
        return None
    return Problem(requirement.module, why, requirement.command, requirement.required)


def newer_than_tested(requirement: Requirement, found: str | None) -> str | None:
    """Return one line about a version above the tested one, None for the others."""
    if found in (None, 'unknown') or release(found) <= release(requirement.tested):
        return None
    line = (
        f'{requirement.module} {found} is newer than the tested {requirement.tested}; it is used all the same'
    )
    return f'{line} ({requirement.newer})' if requirement.newer else line


def missing_ops(folder: Path | None) -> Problem | None:
    """Return the problem of an mmcv that was installed without its compiled ops.

    pip builds such a wheel without a word where torch was absent during the build.
    """
    if folder is None or any(folder.glob('_ext*.so')) or any(folder.glob('_ext*.pyd')):
        return None
    return Problem('mmcv.ops', 'mmcv was installed without its compiled ops (mmcv._ext)', INSTALL_MMCV)


def check_installed(
    requirements: Iterable[Requirement] = REQUIREMENTS,
    version_of: Callable[[Requirement], str | None] = installed_version,
    folder_of: Callable[[str], Path | None] = module_folder,
) -> tuple[dict[str, str | None], list[Problem], list[str]]:
    """Compare what is installed with what is needed.

    Args:
        requirements: What is needed.
        version_of: Returns the installed version of a requirement.
        folder_of: Returns the folder of an import name.

    Returns:
        Versions by import name (None: not installed), problems, and one line per version above the tested.
    """
    versions = {requirement.module: version_of(requirement) for requirement in requirements}
    problems = [too_old(requirement, versions[requirement.module]) for requirement in requirements]
    problems.append(missing_ops(folder_of('mmcv')) if versions.get('mmcv') else None)
    newer = [newer_than_tested(requirement, versions[requirement.module]) for requirement in requirements]
    return versions, [problem for problem in problems if problem], [line for line in newer if line]


def require_versions() -> None:
    """Warn about versions above the tested ones, and refuse what cannot work.

    Raises:
        ImportError: If a required package is missing or too old; its one line ends in the command to run.
    """
    _, problems, newer = check_installed()
    for line in newer:
        warnings.warn(line, stacklevel=3)
    broken = [problem for problem in problems if problem.required]
    if not broken:
        return
    line = str(broken[0])
    if len(broken) > 1:
        line = f'{broken[0].why}, and {len(broken) - 1} more: {INSTALL_ALL}'
    raise ImportError(f'{line} (python -m unihema_mm.doctor shows the whole picture)', name=broken[0].what)


def is_doctor_run(arguments: list[str]) -> bool:
    """Tell whether the interpreter was started as ``python -m unihema_mm.doctor`` or ``unihema doctor``.

    The doctor has to run where the import of the package fails.

    Args:
        arguments: The interpreter's own command line, ``sys.orig_argv``.
    """
    return any(
        (first, second) == ('-m', 'unihema_mm.doctor')
        or (second == 'doctor' and Path(first).name in ('unihema', 'unihema_mm'))
        for first, second in pairwise(arguments)
    )
