"""The recipe: the steps that turn an empty folder into a working environment, in order."""

import json
import os
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from . import preflight, virtualenv
from .layout import REPOSITORY, Layout, nvcc_path, nvcc_version, pinned_version, wanted_kernels
from .process import Runner, clean_environment
from .report import Screen, SetupError


@dataclass
class Recipe:
    """What the steps share.

    Args:
        layout: Paths of the environment.
        run: Runs a command with log and signs of life.
        screen: Where progress goes.
        repository: The clone whose requirements are installed.
    """

    layout: Layout
    run: Runner
    screen: Screen
    repository: Path = REPOSITORY
    versions: dict = field(default_factory=dict)

    @property
    def requirements(self) -> Path:
        return self.repository / 'requirements'

    @property
    def constraints(self) -> Path:
        return self.requirements / 'tested.txt'

    def pip(
        self, title: str, subject: str, name: str, *arguments: str | Path, env: dict | None = None
    ) -> str:
        return self.run([self.layout.python, '-m', 'pip', *arguments], title, subject, name, env)

    def install(self, title: str, subject: str, name: str, *arguments: str | Path) -> str:
        return self.pip(title, subject, name, 'install', '-c', self.constraints, *arguments)

    def kernels(self) -> str:
        """Return the kernels to build: CUDA ones need an nvcc of the major version of torch's CUDA."""
        if wanted_kernels() == 'cpu' or not self.layout.python.exists():
            return wanted_kernels()
        code = 'import torch; print(torch.version.cuda or "")'
        torch_cuda = subprocess.run(
            [self.layout.python, '-c', code], capture_output=True, text=True, check=False
        )
        wanted, found = torch_cuda.stdout.strip(), nvcc_version()
        if torch_cuda.returncode or wanted.split('.')[0] == found.split('.')[0]:
            return 'cuda'
        self.screen.say(
            f'note: nvcc is of CUDA {found}, torch of {wanted}; mmcv is built without CUDA kernels'
        )
        return 'cpu'

    def wheel_folder(self) -> Path:
        return self.layout.wheels(pinned_version(self.requirements, 'torch'), self.kernels())

    def cached_wheel(self) -> Path | None:
        """Return the built mmcv wheel for exactly this torch, Python and kernels."""
        version = pinned_version(self.requirements, 'onedl-mmcv')
        return next(iter(sorted(self.wheel_folder().glob(f'onedl_mmcv-{version}-*.whl'))), None)


@dataclass(frozen=True)
class Step:
    """One step.

    Args:
        name: Name in the state file.
        text: What the user reads.
        action: Does it; called with the recipe and the title.
        writes: Whether it writes into the environment.
    """

    name: str
    text: str
    action: Callable[[Recipe, str], None]
    writes: bool = True


def check_machine(recipe: Recipe, title: str) -> None:
    preflight.check_disk(recipe.layout.env)
    if recipe.cached_wheel() is None:
        preflight.check_compiler(preflight.find_compiler())


def create_environment(recipe: Recipe, title: str) -> None:
    virtualenv.create(recipe.layout, recipe.run, title)
    recipe.install(title, 'pip', 'build-tools', '--upgrade', 'pip', '-r', recipe.requirements / 'build.txt')
    site_packages = next(recipe.layout.env.glob('lib/python3*/site-packages'))
    shutil.copyfile(Path(__file__).with_name('clone_path.py'), site_packages / '_unihema_clone_path.py')
    hook = 'import _unihema_clone_path; _unihema_clone_path.extend_path()\n'
    (site_packages / 'unihema_clone_path.pth').write_text(hook, encoding='ascii')


def install_torch(recipe: Recipe, title: str) -> None:
    recipe.install(title, 'torch', 'torch', 'torch', 'torchvision')


def install_packages(recipe: Recipe, title: str) -> None:
    files = [
        part
        for name in ('runtime', 'optional', 'tests')
        for part in ('-r', recipe.requirements / f'{name}.txt')
    ]
    recipe.install(title, 'requirements/runtime.txt', 'packages', *files)
    # The forks ask for opencv-python and for opencv-python-headless, which write the same files. The headless
    # ones go on top: they need no libGL.so.1, which a fresh machine does not have.
    version = pinned_version(recipe.requirements, 'opencv-python')
    headless = f'opencv-python-headless=={version}'
    recipe.install(title, headless, 'opencv', '--no-deps', '--force-reinstall', headless)
    recipe.run([recipe.layout.python, '-c', 'import cv2'], title, headless, 'import-cv2')


def build_mmcv(recipe: Recipe, title: str) -> None:
    """Compile mmcv against the torch just installed, unless a wheel for that very torch lies in the cache."""
    cached = recipe.cached_wheel()
    if cached:
        recipe.screen.say(f'{title}: taken from {cached.parent}')
        return
    compiler, jobs = preflight.find_compiler(), preflight.build_jobs()
    preflight.check_compiler(compiler)
    environment = clean_environment(MMCV_WITH_OPS='1', MAX_JOBS=str(jobs), CXX=compiler)
    if recipe.kernels() == 'cuda':
        environment.update(
            FORCE_CUDA='1', CUDA_HOME=str(Path(nvcc_path() or '/usr/local/cuda/bin/nvcc').parents[1])
        )
    else:
        # With a GPU in sight mmcv's build asks for nvcc, which is not here.
        environment.update(CUDA_VISIBLE_DEVICES='', FORCE_CUDA='0')
    folder = recipe.wheel_folder()
    fresh = folder.with_name(f'{folder.name}.building-{os.getpid()}')
    requirement = f'onedl-mmcv=={pinned_version(recipe.requirements, "onedl-mmcv")}'
    # No isolation: an isolated build has no torch, and quietly makes a wheel without ops.
    # No cache: pip would hand out a wheel that was built for another torch.
    flags = ['wheel', '-v', '--no-cache-dir', '--no-build-isolation', '--no-deps', '-w', fresh]
    minutes = max(1, round(18 / jobs))
    plural = 's' if jobs > 1 else ''
    slow = f'{title} (about {minutes} minutes on {jobs} core{plural})'
    try:
        recipe.pip(slow, requirement, 'mmcv', *flags, requirement, env=environment)
        wheel = next(fresh.glob('*.whl'))
        check_has_ops(wheel, recipe.layout.logs / 'mmcv.log')
        folder.mkdir(parents=True, exist_ok=True)
        os.replace(wheel, folder / wheel.name)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def check_has_ops(wheel: Path, log: Path) -> None:
    """Raise a SetupError if the wheel lacks the compiled extension."""
    with zipfile.ZipFile(wheel) as archive:
        if any(name.startswith('mmcv/_ext') for name in archive.namelist()):
            return
    raise SetupError(
        f'building {wheel.name} failed: onedl-mmcv',
        'the build ended without an error, but the wheel holds no compiled ops (mmcv/_ext)',
        'see the log for the reason, then repeat',
        log,
    )


def install_mmcv(recipe: Recipe, title: str) -> None:
    wheel = recipe.cached_wheel()
    if wheel is None:
        raise SetupError(
            f'{title} failed: onedl-mmcv', 'the built wheel has vanished from the cache', 'repeat'
        )
    recipe.install(title, 'onedl-mmcv', 'mmcv-install', '--no-cache-dir', wheel)


def verify(recipe: Recipe, title: str) -> None:
    """Let the doctor use what was installed, and pip compare what the packages ask of each other."""
    environment = clean_environment(PYTHONPATH=str(recipe.repository))
    doctor = [recipe.layout.python, '-m', 'unihema_mm.doctor', '--json', '--exit-zero']
    output = recipe.run(doctor, title, 'unihema_mm.doctor', 'verify', environment)
    report = json.loads(output[output.index('{\n') :])
    recipe.versions.update(report['versions'])
    broken = [problem for problem in report['problems'] if problem['required']]
    if broken:
        raise SetupError(
            f'{title} failed: {", ".join(problem["what"] for problem in broken)}',
            '\n'.join(problem['why'] for problem in broken),
            broken[0]['mend'],
            recipe.layout.logs / 'verify.log',
        )
    try:
        recipe.pip(title, 'pip check', 'pip-check', 'check')
    except SetupError as error:
        recipe.screen.say(f'note: pip check: {error.why}')


STEPS = (
    Step('machine', 'checking compiler, headers and disk', check_machine, writes=False),
    Step('environment', 'creating the virtual environment', create_environment),
    Step('torch', 'installing torch and torchvision (about 3 GB to download)', install_torch),
    Step('packages', 'installing the OpenMMLab packages and the rest', install_packages),
    Step('mmcv wheel', 'building mmcv with ops', build_mmcv, writes=False),
    Step('mmcv', 'installing mmcv', install_mmcv),
    Step('verify', 'verifying: ops, deformable attention, imports', verify, writes=False),
)
