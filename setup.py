"""Packaging of unihema_mm; the versions of what it needs live in requirements/."""

import re
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent


def read_requirements(name: str) -> list[str]:
    """Return the requirement lines of ``requirements/{name}.txt`` without comments."""
    lines = (ROOT / 'requirements' / f'{name}.txt').read_text(encoding='utf-8').splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith('#')]


def read_version() -> str:
    """Return ``__version__`` without importing the package, whose requirements may not be installed yet."""
    text = (ROOT / 'unihema_mm' / 'version.py').read_text(encoding='utf-8')
    return re.search(r"^__version__ = '(.+)'$", text, re.MULTILINE).group(1)


class BuildWithMim(build_py):
    """Put configs and tools into the wheel where mmengine and mim look for ``unihema_mm::...``."""

    def run(self):
        super().run()
        for name in ('configs', 'tools'):
            if (ROOT / name).is_dir() and not self.editable_mode:
                target = Path(self.build_lib) / 'unihema_mm' / '.mim' / name
                # The demo and the recipe of the environment are for clones.
                left_out = {'configs': (), 'tools': ('demo.py', 'setup')}[name]
                ignore = shutil.ignore_patterns('__pycache__', *left_out)
                shutil.copytree(ROOT / name, target, dirs_exist_ok=True, ignore=ignore)


def read_readme() -> str:
    """Return the README as the long description, empty where a source tree has none."""
    readme = ROOT / 'README.md'
    return readme.read_text(encoding='utf-8') if readme.is_file() else ''


tests, optional = read_requirements('tests'), read_requirements('optional')

setup(
    name='unihema_mm',
    version=read_version(),
    description='Uni-Hema: one vision-language model for digital hematopathology, as an OpenMMLab plugin',
    long_description=read_readme(),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    packages=find_packages(include=['unihema_mm', 'unihema_mm.*']),
    package_data={'unihema_mm': ['**/*.yaml', '**/*.yml', '**/*.json', '**/*.txt', '**/*.html']},
    entry_points={'console_scripts': ['unihema = unihema_mm.cli.main:main']},
    python_requires='>=3.10',
    install_requires=read_requirements('runtime'),
    extras_require={
        'mmcv': read_requirements('mmcv'),
        'tests': tests,
        'optional': optional,
        'all': tests + optional,
    },
    cmdclass={'build_py': BuildWithMim},
    classifiers=[
        'Intended Audience :: Science/Research',
        'Programming Language :: Python :: 3.10',
        'Programming Language :: Python :: 3.11',
        'Programming Language :: Python :: 3.12',
        'Topic :: Scientific/Engineering :: Medical Science Apps.',
    ],
)
