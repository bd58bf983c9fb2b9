"""Names of output files that follow from names of images alone."""

import re
from hashlib import sha256
from pathlib import PurePosixPath

_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f<>:"|?*\\%\ud800-\udfff\u2028\u2029]')
_DEVICE = re.compile(r'(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?', re.IGNORECASE)
_MAX_PART = 200  # bytes; file systems allow 255, and a temporary file needs some
_MAX_NAME = 1000
_SUFFIXES = ('.json', '.geojson', '.txt', '.tif', '.png')  # of all formats: two of them may share a folder


def relative_path(name: str, suffix: str) -> PurePosixPath:
    """Path of the output file of an image, relative to the folder of its format.

    The path is the name with the suffix behind it, so ``a.png`` and ``a.jpg`` stay apart. What would leave
    the folder or is no file name on some system is written as ``%`` and the hexadecimal digits of its bytes:
    ``..`` as ``%2E%2E``, the ``:`` of a drive as ``%3A``. Two names never share a path, nor does a file of
    one take the place of a folder of another. Of parts that are too long the end becomes a hash.

    Args:
        name: Name of the image; ``/`` separates folders.
        suffix: Suffix of the format, one of ``.json``, ``.geojson``, ``.txt``, ``.tif`` and ``.png``.
    """
    parts = [_file_name(part) for part in name.split('/')]
    folders = [_apart_from_files(part) for part in parts[:-1]]
    path = '/'.join([*folders, parts[-1]])
    if len(path.encode()) > _MAX_NAME:
        path = _hash(name)
    return PurePosixPath(path + suffix)


def _file_name(part: str) -> str:
    if not part:
        return '%2F'
    if not part.strip('.'):
        return '%2E' * len(part)
    safe = _UNSAFE.sub(lambda found: _escaped(found.group()), part)
    if safe[-1] in '. ':
        safe = safe[:-1] + _escaped(safe[-1])
    if _DEVICE.fullmatch(safe):
        safe = _escaped(safe[0]) + safe[1:]
    if len(safe.encode()) <= _MAX_PART:
        return safe
    return safe.encode()[: _MAX_PART // 2].decode(errors='ignore') + _hash(part)


def _apart_from_files(folder: str) -> str:
    suffix = next((suffix for suffix in _SUFFIXES if folder.lower().endswith(suffix)), None)
    if suffix is None:
        return folder
    stem = len(folder) - len(suffix)
    return folder[:stem] + _escaped('.') + folder[stem + 1 :]


def _escaped(character: str) -> str:
    try:
        content = character.encode(errors='surrogateescape')
    except UnicodeEncodeError:
        content = character.encode(errors='surrogatepass')
    return ''.join(f'%{byte:02X}' for byte in content)


def _hash(text: str) -> str:
    return '%~' + sha256(text.encode(errors='surrogatepass')).hexdigest()[:32]
