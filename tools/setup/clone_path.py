"""Copied into the environment: lets it find the clone from which it is called.

The environment is shared between clones, so the package is not installed in it. When an interpreter starts,
this appends the clone that holds the script, else the one that holds the working directory, to ``sys.path``:
then ``$(make -s python) tools/train.py ...`` works in every clone. PYTHONPATH and an installed package come
first.
"""

import os
import sys


def find_clone(arguments, working_directory):
    """Return the first folder above a script or the working directory that holds unihema_mm, else None."""
    scripts = [os.path.dirname(os.path.abspath(name)) for name in arguments[1:] if name.endswith('.py')]
    for folder in [*scripts, working_directory]:
        while True:
            if os.path.isfile(os.path.join(folder, 'unihema_mm', 'version.py')):
                return folder
            parent = os.path.dirname(folder)
            if parent == folder:
                break
            folder = parent
    return None


def extend_path():
    """Append the clone to ``sys.path``; without a working directory the interpreter starts all the same."""
    try:
        clone = find_clone(sys.orig_argv, os.getcwd())
    except OSError:
        return
    if clone and clone not in sys.path:
        sys.path.append(clone)
