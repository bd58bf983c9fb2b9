"""Which files a source folder holds."""

from collections.abc import Collection, Sequence, Set
from pathlib import Path, PurePosixPath

from ..image_files import IMAGE_SUFFIXES
from ..schema import DataError, Fault
from .patterns import match_files, pattern_fields
from .source import Note

KEY = '{key}'
_LABEL_SUFFIXES = ('.txt', '.xml', '.json')


def list_images(source: Path, folder: str) -> tuple[list[str], list[Note]]:
    """List the image files of a folder.

    Args:
        source: The source folder.
        folder: Folder relative to it; sub-folders are not entered.

    Returns:
        Sorted paths relative to ``source``, and notes about what else lies there (labels and hidden
        files apart).

    Raises:
        DataError: The folder does not exist.
    """
    path = source / folder
    if not path.is_dir():
        raise DataError(
            Fault(str(path), 'folder', 'images', 'does not exist', 'check --src and the image folder')
        )
    images, notes = [], []
    for entry in sorted(path.iterdir()):
        name = str(PurePosixPath(folder) / entry.name)
        if entry.suffix.lower() in IMAGE_SUFFIXES and not entry.is_dir():
            images.append(name)
        elif entry.suffix.lower() not in _LABEL_SUFFIXES and not entry.name.startswith('.'):
            notes.append(Note('other_entry', name))
    return images, notes


def by_stem(names: Sequence[str]) -> dict[str, str]:
    """Index image paths by file name without suffix.

    Raises:
        DataError: Two files differ by their suffix only, so a label cannot be assigned.
    """
    index: dict[str, str] = {}
    for name in names:
        stem = PurePosixPath(name).stem
        if stem in index:
            raise DataError(
                Fault(
                    name,
                    'file',
                    'name',
                    f'has the same stem as {index[stem]}',
                    'rename or remove one of them',
                )
            )
        index[stem] = name
    return index


def match_images(
    source: Path,
    pattern: str,
    without: Set[str] = frozenset(),
    suffixes: Collection[str] = IMAGE_SUFFIXES,
) -> dict[str, str]:
    """Index image or label files by the part of their name that tells them apart.

    Args:
        source: The source folder.
        pattern: Path relative to it that holds ``{key}`` once, in the file name; ``*`` stands for any part of
            a file or folder name. With ``'masks/*/M_{key}.png'`` the key of ``masks/a/M_07.png`` is ``'07'``.
        without: Paths that are left out, such as masks in the folder of the images.
        suffixes: Suffixes of the files, lower case.

    Returns:
        Key -> path relative to ``source``, in the order of the keys.

    Raises:
        DataError: The pattern is not one, nothing fits it, or two files have the same key.
    """
    parts = PurePosixPath(pattern).parts
    if pattern_fields(pattern) != ['key'] or KEY not in parts[-1]:
        mend = f'write a path relative to --src with {KEY} in its file name, e.g. images/{KEY}.png'
        raise DataError(Fault('source', 'files', 'pattern', f'is {pattern!r}', mend))
    index: dict[str, str] = {}
    for name, fields in match_files(source, pattern, suffixes):
        if name in without:
            continue
        key = fields['key']
        if key in index:
            what = f'has the same key {key!r} as {index[key]}'
            raise DataError(Fault(name, 'file', 'name', what, 'rename or remove one of them'))
        index[key] = name
    if not index:
        what = f'no file fits {pattern!r}'
        raise DataError(Fault(str(source), 'folder', 'files', what, 'check --src and the folders below it'))
    return dict(sorted(index.items()))


def other_entries(source: Path, names: Set[str]) -> list[Note]:
    """Note what lies beside files that were listed (labels, lists and hidden files apart).

    Args:
        source: The source folder.
        names: The listed files, relative to it.
    """
    folders = sorted({PurePosixPath(name).parent for name in names})
    entries = (
        str(folder / entry.name) for folder in folders for entry in sorted((source / folder).iterdir())
    )
    return [
        Note('other_entry', name)
        for name in entries
        if name not in names and not is_ignored(PurePosixPath(name))
    ]


def is_ignored(path: PurePosixPath) -> bool:
    """Whether a file beside images is not worth a note: a label, a list, or hidden."""
    return path.suffix.lower() in (*_LABEL_SUFFIXES, '.csv') or path.name.startswith('.')
