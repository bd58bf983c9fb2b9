"""Files that are either whole or absent, also when the process is killed."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

TEMPORARY_SUFFIX = '.tmp'


def write_bytes(path: str | os.PathLike, content: bytes) -> None:
    """Write ``content`` to a temporary file beside ``path``, then move it there."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f'.{path.name}.', suffix=TEMPORARY_SUFFIX)
    try:
        with os.fdopen(handle, 'wb') as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_json(path: str | os.PathLike, content: Any) -> None:
    """Write ``content`` as indented JSON."""
    write_bytes(path, (json.dumps(content, indent=2) + '\n').encode())


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask
