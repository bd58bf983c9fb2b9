"""Patterns of file names with named parts."""

import re
from collections.abc import Collection
from glob import escape
from pathlib import Path, PurePosixPath

from ..schema import DataError, Fault

_PIECE = re.compile(r'(\*\*/|\*|\{\w+\})')
_WILD = {'**/': '(?:[^/]+/)*', '*': '[^/]*'}


def pattern_fields(pattern: str) -> list[str]:
    """List the named parts of a pattern, e.g. ``['split', 'class']`` of ``'{split}/{class}/*'``.

    Raises:
        DataError: It leaves the source folder, or has ``**`` as a part of a name.
    """
    rest = pattern.replace('**/', '')
    if not pattern or pattern.startswith('/') or '..' in PurePosixPath(pattern).parts or '**' in rest:
        mend = 'write a path relative to --src; * is any part of a name, **/ any folders, also none'
        raise DataError(Fault('source', 'files', 'pattern', f'is {pattern!r}', mend))
    return re.findall(r'\{(\w+)\}', pattern)


def fixed_folder(pattern: str) -> str:
    """Name the folder that a pattern begins with, ``''`` where its first part is not fixed."""
    folders = PurePosixPath(pattern).parts[:-1]
    fixed = next((index for index, part in enumerate(folders) if _PIECE.search(f'{part}/')), len(folders))
    return '/'.join(folders[:fixed])


def match_files(source: Path, pattern: str, suffixes: Collection[str]) -> list[tuple[str, dict[str, str]]]:
    """Find the files that fit a pattern.

    Args:
        source: The source folder.
        pattern: Path relative to it. ``{name}`` stands for a part of a file or folder name of at least one
            letter, ``*`` for any part of one, ``**/`` for any number of folders.
        suffixes: Suffixes of the files, lower case.

    Returns:
        Path relative to ``source``, and named part -> its text, sorted by path; without hidden files.

    Raises:
        DataError: The pattern is not one, or has a named part twice.
    """
    names = pattern_fields(pattern)
    if len(set(names)) < len(names):
        what = f'{pattern!r} has a named part twice'
        raise DataError(Fault('source', 'files', 'pattern', what, 'name it once'))
    pieces = _PIECE.split(pattern)
    globs = ''.join(
        piece if piece == '**/' else '*' if _PIECE.fullmatch(piece) else escape(piece) for piece in pieces
    )
    regex = re.compile(''.join(map(_regex_of, pieces)))
    found = []
    for path in source.glob(globs):
        name = path.relative_to(source).as_posix()
        hidden = any(part.startswith('.') for part in PurePosixPath(name).parts)
        match = regex.fullmatch(name)
        if match and not hidden and path.suffix.lower() in suffixes and path.is_file():
            found.append((name, match.groupdict()))
    return sorted(found)


def _regex_of(piece: str) -> str:
    if piece.startswith('{') and _PIECE.fullmatch(piece):
        return f'(?P<{piece[1:-1]}>[^/]+)'
    return _WILD.get(piece) or re.escape(piece)
