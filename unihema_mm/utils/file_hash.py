"""Hash of a file's content."""

import os
from hashlib import sha256
from pathlib import Path

_CHUNK = 1 << 20


def file_sha256(path: str | os.PathLike) -> str:
    """SHA-256 of a file in hexadecimal digits; a large file is read in pieces."""
    digest = sha256()
    with Path(path).open('rb') as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
