#!/bin/sh
# Finds a Python 3.10 to 3.12, lets it create or check the environment, and prints the environment's interpreter.
# PYTHON=/path/to/python overrides the search.
set -eu
cd "$(dirname "$0")/../.."

# A pyenv shim may exist and not resolve, and a self-built Python may lack ssl: only running it tells.
usable='import ctypes, ssl, sys, zlib; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))'
# One that can also compile extensions is preferred: mmcv is built from source.
has_headers='import os, sys, sysconfig; sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))'

runs() { "$1" -c "$2" >/dev/null 2>&1; }

if [ -n "${PYTHON:-}" ]; then
    if runs "$PYTHON" "$usable"; then
        exec "$PYTHON" -m tools.setup
    fi
    echo "error: PYTHON=$PYTHON does not run, or is not a Python 3.10 to 3.12 with ssl, zlib and ctypes" >&2
    echo "  do:  name another one, or leave PYTHON unset to have one searched" >&2
    exit 1
fi

fallback=''
for candidate in python3 python3.11 python3.12 python3.10 python \
    /usr/local/bin/python3 /usr/bin/python3 /usr/bin/python3.11 /usr/bin/python3.12 /usr/bin/python3.10 \
    "${PYENV_ROOT:-${HOME:-}/.pyenv}"/versions/3.1[012].*/bin/python; do
    if runs "$candidate" "$usable"; then
        if runs "$candidate" "$has_headers"; then
            exec "$candidate" -m tools.setup
        fi
        [ -n "$fallback" ] || fallback=$candidate
    fi
done
if [ -n "$fallback" ]; then
    exec "$fallback" -m tools.setup
fi

echo "error: no Python 3.10, 3.11 or 3.12 was found (python3 here: $(python3 --version 2>&1 | head -n 1))" >&2
echo "  do:  apt install python3 python3-venv python3-dev, or name one: make PYTHON=/path/to/python3.11 ..." >&2
exit 1
