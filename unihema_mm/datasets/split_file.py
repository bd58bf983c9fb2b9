"""The file that tells which image of a converted set stands in which split, and by which rule."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from .schema import Fault, read_document, write_document

SPLIT_FILE = 'splits.json'
HASH_KEY = 'splits_sha256'


def write_split_file(folder: str | Path, document: dict) -> str:
    """Write the split file of a data folder.

    Args:
        folder: The data folder.
        document: Keys ``dataset``, ``rule``, ``splits`` (split -> source paths, sorted), ``groups`` (source
            path -> group, of the images that move together with others) and ``known_repeats``.

    Returns:
        SHA-256 of the file, as 64 hexadecimal digits.
    """
    path = Path(folder) / SPLIT_FILE
    write_document(path, document, indent=1)
    return sha256(path.read_bytes()).hexdigest()


def read_split_file(folder: str | Path) -> dict:
    """Read the split file of a data folder.

    Args:
        folder: The data folder.

    Returns:
        Its content, an empty object where there is none.

    Raises:
        DataError: The file is not whole JSON.
    """
    path = Path(folder) / SPLIT_FILE
    return read_document(str(path)) if path.is_file() else {}


def check_split_file(folder: str | Path, documents: dict[str, dict], report: dict) -> list[Fault]:
    """Check that a split file is the one the annotation files were written with, and agrees with them.

    Args:
        folder: The data folder.
        documents: Path of each annotation file of the folder -> its content.
        report: Content of its conversion report; empty where there is none.

    Returns:
        The faults; none for a folder without split file whose files name none.

    Raises:
        DataError: The split file is not whole JSON.
    """
    path = Path(folder) / SPLIT_FILE
    stated = {file: document['info'].get(HASH_KEY) for file, document in documents.items()}
    if not path.is_file():
        return [
            Fault(file, 'info', HASH_KEY, f'is given, but {path} does not exist', 'convert the set again')
            for file, value in stated.items()
            if value is not None
        ]
    found = sha256(path.read_bytes()).hexdigest()
    if report:
        stated[str(Path(folder) / 'conversion_report.json')] = report.get(HASH_KEY)
    faults = [
        Fault(file, 'info', HASH_KEY, f'is {value!r}, that of {path} is {found!r}', 'convert the set again')
        for file, value in stated.items()
        if value != found
    ]
    splits = read_split_file(folder).get('splits')
    splits = splits if isinstance(splits, dict) else {}
    for file, document in documents.items():
        split = document['info'].get('split')
        images = sorted(str(image.get('source')) for image in document['images'])
        faults += _differences(file, split, images, splits.get(split, []), path)
    return faults


def _differences(file: str, split: str, images: Sequence[str], listed: object, path: Path) -> list[Fault]:
    if images == listed:
        return []
    listed = set(map(str, listed)) if isinstance(listed, list) else set()
    both = sorted(listed ^ set(images))
    example = f', e.g. {both[0]!r}' if both else ''
    what = f'differ from {split} of {path} in {len(both)} images{example}'
    return [Fault(file, 'file', 'images', what, 'convert the set again')]
