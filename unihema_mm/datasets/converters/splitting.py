"""Which split an image belongs to by the lists of the source."""

from collections import Counter, defaultdict
from collections.abc import Sequence, Set
from hashlib import sha256
from pathlib import Path, PurePosixPath

from ..schema import SPLITS, DataError, Fault
from .source import Note, SourceItem
from .texts import read_text

EVERYTHING = '*'


def check_split_names(splits: dict[str, str], allowed: Sequence[str]) -> None:
    """Refuse an empty list of splits and unknown split names."""
    if not splits:
        raise DataError(
            Fault(
                'source',
                'splits',
                'split',
                'none is given and none was found',
                'pass --split train=..., see docs/how_to/prepare_data.md',
            )
        )
    for split in splits:
        if split not in allowed:
            raise DataError(Fault('source', 'splits', split, 'is not a split', f'use {", ".join(allowed)}'))


def split_by_lists(source: Path, splits: dict[str, str], known: Set[str]) -> dict[str, str]:
    """Read the split lists of a source.

    Args:
        source: The source folder.
        splits: Split -> list file relative to it with one stem or file name a line, or ``'*'`` for all of
            ``known``.
        known: File stems of the images and labels that are there.

    Returns:
        Stem -> split, split by split, sorted.

    Raises:
        DataError: A list does not exist, names something unknown, or names a stem twice.
    """
    check_split_names(splits, SPLITS)
    split_of: dict[str, str] = {}
    for split, value in splits.items():
        for stem in sorted(known) if value == EVERYTHING else _read_list(source / value, known):
            if stem in split_of:
                what = f'is in {split} and in {split_of[stem]}'
                raise DataError(Fault(value, stem, 'split', what, 'keep it in one list'))
            if stem not in known:
                what = 'has neither an image nor a label'
                raise DataError(Fault(value, stem, 'split', what, 'correct the list'))
            split_of[stem] = split
    return split_of


def _read_list(path: Path, known: Set[str]) -> list[str]:
    if not path.is_file():
        raise DataError(Fault(str(path), 'file', 'split list', 'does not exist', 'check --split'))
    stems = [_listed(line.strip(), known) for line in read_text(path).splitlines() if line.strip()]
    repeated = sorted(stem for stem, count in Counter(stems).items() if count > 1)
    if repeated:
        raise DataError(Fault(str(path), repeated[0], 'split list', 'is listed twice', 'list it once'))
    return sorted(stems)


def _listed(line: str, known: Set[str]) -> str:
    """The stem of a line: a stem or the name of an image file, with blanks, or a VOC challenge's 'stem 1'."""
    first = line.split()[0]
    stems = [stem for text in (line, first) for stem in (text, PurePosixPath(text).stem)]
    return next((stem for stem in stems if stem in known), stems[-1] or first)


def leave_repeats_out_of_train(
    items: Sequence[SourceItem], source: Path
) -> tuple[list[SourceItem], list[Note]]:
    """Drop the images of train that stand in val or test as well, byte for byte under the same name.

    Args:
        items: The images of all splits.
        source: The source folder.

    Returns:
        The other images in the same order, and notes about those that were dropped.

    Raises:
        DataError: Two images of the same name are different.
    """
    evaluated = {item.target: item for item in items if item.split != 'train'}
    kept, notes = [], []
    for item in items:
        other = evaluated.get(item.target)
        if item.split != 'train' or other is None:
            kept.append(item)
        elif (source / item.image).read_bytes() != (source / other.image).read_bytes():
            what = f'is another image than {other.image}, which has the same name'
            raise DataError(Fault(item.image, 'file', 'name', what, 'rename one of them and its label'))
        else:
            notes.append(Note('repeated_image', f'{item.image} is {other.image}'))
    return kept, notes


def note_identical(items: Sequence[SourceItem], source: Path) -> list[Note]:
    """Note the images that repeat the bytes of another one.

    Args:
        items: The images.
        source: The source folder.
    """
    return [
        Note('identical_image', f'{item.image} is {group[0].image}')
        for group in _identical(items, source)
        for item in group[1:]
    ]


def _identical(items: Sequence[SourceItem], source: Path) -> list[list[SourceItem]]:
    by_size = defaultdict(list)
    for item in items:
        by_size[(source / item.image).stat().st_size].append(item)
    groups = defaultdict(list)
    for size, same in by_size.items():
        for item in same:
            content = sha256((source / item.image).read_bytes()).digest() if len(same) > 1 else b''
            groups[size, content].append(item)
    return list(groups.values())
