"""The file that tells which image of a converted set stands in which split, and by which rule."""

from collections.abc import Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Claim:
    """What an annotation file says about its split.

    Attributes:
        file: The annotation file.
        split: Its split.
        digest: Hash of the split file that it was written with; ``None`` where it names none.
        sources: Source paths of its images, sorted.
    """

    file: str
    split: str
    digest: str | None
    sources: list[str]


def read_claim(document: dict, file: str) -> Claim:
    """Take the claim out of an annotation file.

    Args:
        document: Parsed annotation file without structural faults.
        file: Its name.
    """
    info = document.get('info')
    info = info if isinstance(info, dict) else {}
    sources = sorted(str(image.get('source')) for image in document['images'])
    return Claim(file, str(info.get('split')), info.get(HASH_KEY), sources)


def check_split_file(folder: str | Path, claims: Sequence[Claim], report: dict) -> list[Fault]:
    """Check that the split file of a data folder is the one its other files name, and lists their images.

    Args:
        folder: The data folder.
        claims: Those of its annotation files.
        report: Content of its conversion report; empty where there is none.

    Returns:
        The faults; none for a folder without split file whose files name none.

    Raises:
        DataError: The split file is not whole JSON.
    """
    path = Path(folder) / SPLIT_FILE
    if not path.is_file():
        what = f'is given, but {path} does not exist'
        return [_fault(claim.file, 'info', HASH_KEY, what) for claim in claims if claim.digest is not None]
    found = sha256(path.read_bytes()).hexdigest()
    stated = [(claim.file, 'info', claim.digest) for claim in claims]
    if report.get('complete'):
        stated.append((str(Path(folder) / 'conversion_report.json'), 'file', report.get(HASH_KEY)))
    faults = [
        _fault(file, record, HASH_KEY, f'is {digest!r}, that of {path} is {found!r}')
        for file, record, digest in stated
        if digest != found
    ]
    splits = read_split_file(folder).get('splits')
    for claim in claims:
        listed = splits.get(claim.split) if isinstance(splits, dict) else None
        if listed != claim.sources:
            listed = {str(name) for name in listed} if isinstance(listed, list) else set()
            others = sorted(listed ^ set(claim.sources))
            example = f', e.g. {others[0]!r}' if others else ''
            what = f'differ from the list {claim.split!r} of {path} in {len(others)} images{example}'
            faults.append(_fault(claim.file, 'file', 'images', what))
    return faults


def _fault(file: str, record: str, field: str, what: str) -> Fault:
    return Fault(file, record, field, what, 'convert the set again')
