"""Which split an image belongs to: lists of the source, or images held out of train."""

from collections import Counter, defaultdict
from collections.abc import Sequence, Set
from dataclasses import replace
from hashlib import sha256
from pathlib import Path, PurePosixPath

from ..schema import SPLITS, DataError, Fault
from .source import Note, SourceItem

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
    # The lists of the VOC challenge hold 'stem 1' per class; some lists name the image file.
    words = (line.split()[0] for line in path.read_text(encoding='utf-8-sig').splitlines() if line.strip())
    stems = [word if word in known else PurePosixPath(word).stem for word in words]
    repeated = sorted(stem for stem, count in Counter(stems).items() if count > 1)
    if repeated:
        raise DataError(Fault(str(path), repeated[0], 'split list', 'is listed twice', 'list it once'))
    return sorted(stems)


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


def hold_out(
    items: Sequence[SourceItem], amounts: dict[str, float], source: Path
) -> tuple[list[SourceItem], list[Note]]:
    """Move images from train to other splits.

    The classes keep their shares, as far as whole images allow. Which images are moved depends on their names
    alone. Byte-identical images stay together.

    Args:
        items: The images; those in train are drawn from.
        amounts: Split -> number of images, or a fraction of train below 1.
        source: The source folder.

    Returns:
        The images in the same order, and notes about those that were moved.

    Raises:
        DataError: An amount is not possible, the split has images already, or it would get none.
    """
    train = [item for item in items if item.split == 'train']
    _check_amounts(items, amounts, len(train))
    counts = Counter(item.class_name for item in train)
    groups = sorted(_identical(train, source), key=_order)
    split_of: dict[str, str] = {}
    for split, amount in amounts.items():
        number = amount if isinstance(amount, int) else round(amount * len(train))
        quota = _quota(counts, number)
        for group in groups:
            needed = Counter(item.class_name for item in group)
            if group[0].image not in split_of and needed <= quota:
                quota -= needed
                split_of.update((item.image, split) for item in group)
        if split not in split_of.values():
            what = f'gets none of {len(train)} images in {len(groups)} groups of identical ones'
            raise DataError(Fault('source', 'hold_out', split, what, 'hold out more'))
    notes = [Note('held_out', f'{name} -> {split}') for name, split in sorted(split_of.items())]
    return [replace(item, split=split_of.get(item.image, item.split)) for item in items], notes


def _check_amounts(items: Sequence[SourceItem], amounts: dict[str, float], total: int) -> None:
    taken = {item.split for item in items}
    for split, amount in amounts.items():
        if split not in SPLITS or split in taken:
            what = 'has images of its own' if split in taken else 'is not a split'
            raise DataError(Fault('source', 'hold_out', split, what, 'name a split that has no images'))
        number = isinstance(amount, int | float) and not isinstance(amount, bool)
        if not number or amount <= 0 or (isinstance(amount, float) and amount >= 1):
            mend = 'write a number of images, or a fraction below 1'
            raise DataError(Fault('source', 'hold_out', split, f'is {amount!r}', mend))
    number = sum(amount if isinstance(amount, int) else amount * total for amount in amounts.values())
    if amounts and number >= total:
        what = f'takes {number:g} of {total} images, which leaves none in train'
        raise DataError(Fault('source', 'hold_out', 'amounts', what, 'hold out fewer'))


def _quota(counts: Counter, number: int) -> Counter:
    """Share a number out in proportion to the counts, by largest remainders."""
    shares = {name: number * count / counts.total() for name, count in counts.items()}
    quota = Counter({name: int(share) for name, share in shares.items()})
    by_remainder = sorted(shares, key=lambda name: (quota[name] - shares[name], str(name)))
    quota.update(by_remainder[: number - quota.total()])
    return quota


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


def _order(group: list[SourceItem]) -> str:
    return min(sha256(item.target.encode()).hexdigest() for item in group)
