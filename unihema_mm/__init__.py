"""Uni-Hema as an OpenMMLab plugin: one vision-language model that reads blood smears.

Importing it checks the versions of what it builds on and makes the registries of its scope known.
"""

import sys

from .utils.versions import is_doctor_run, require_versions
from .version import __version__

if not is_doctor_run(sys.orig_argv):
    require_versions()
    from . import registry  # noqa: F401
    from .utils.onedl_notice import silence_onedl_notice

    silence_onedl_notice()

__all__ = ['__version__']
