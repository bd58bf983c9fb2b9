"""The proof that no image stands in two splits, within a set and across sets."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

from ..image_signature import ImageSignature, sign_image
from ..near_duplicates import Repeats, compare_signatures
from ..parallel import map_ordered
from ..schema import SPLITS, DataError, Fault
from ..split_file import read_split_file


@dataclass(frozen=True, slots=True)
class SplitImage:
    """An image of a split.

    Attributes:
        root: The data folder.
        name: Path relative to it.
        split: Its split.
        file: The annotation file.
        record: Its record there.
        source: Its path in the original layout; empty where it is not told.
    """

    root: Path
    name: str
    split: str
    file: str
    record: str
    source: str


@dataclass
class RepeatSummary:
    """What the comparison of images found.

    Attributes:
        images: Number of images compared.
        within: Number of identical and of near-identical pairs within one split; of images that repeat each
            other all are counted against the first one.
        known: Pairs in two splits that the split file of a set accepts, one line each.
        faults: Pairs in two splits, and images that cannot be compared.
    """

    images: int = 0
    within: tuple[int, int] = (0, 0)
    known: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def check_repeats(
    images: Sequence[SplitImage], *, name_unreadable: bool = True, workers: int = 1, progress: bool = False
) -> RepeatSummary:
    """Find the images that stand in two splits, byte for byte or nearly, under any names.

    Args:
        images: All images of one or more data folders; a file may stand there once.
        name_unreadable: Whether an image that cannot be decoded is a fault here.
        workers: Number of processes.
        progress: Whether to show progress bars.

    Returns:
        The summary; see :func:`unihema_mm.datasets.near_duplicates.find_repeats` for what is near-identical.
    """
    paths = [image.root / image.name for image in images]
    signatures = map_ordered(sign_image, paths, workers=workers, progress=progress, title='hashing')
    repeats = compare_signatures(signatures, paths, workers=workers, progress=progress)
    known = _known(images, signatures)
    summary, within = RepeatSummary(len(images)), {True: 0, False: 0}
    for first, second, identical in _pairs(images, repeats):
        pair = sorted((images[first], images[second]), key=lambda image: _rank(image.split))
        splits = {image.split for image in pair}
        digests = {signatures[first].digest, signatures[second].digest}
        what = f'is {"identical" if identical else "near-identical"} to'
        if len(splits) == 1:
            within[identical] += 1
        elif any(digests <= group and splits <= of_group for group, of_group in known):
            summary.known.append(f'{_place(pair[1])} {what} {_place(pair[0])}')
        else:
            summary.faults.append(_fault(pair, what))
    summary.within = within[True], within[False]
    if name_unreadable:
        summary.faults += _unreadable(images, signatures)
    return summary


def _pairs(images: Sequence[SplitImage], repeats: Repeats) -> Iterator[tuple[int, int, bool]]:
    """Pairs of repeats; of identical images one of each split is paired with what is near-identical."""
    identical = {group[0]: group for group in repeats.identical}
    for first, second, same in repeats.links():
        if same:
            yield first, second, True
            continue
        ends = []
        for place in (first, second):
            of_split: dict[str, int] = {}
            for member in identical.get(place, [place]):
                of_split.setdefault(images[member].split, member)
            ends.append(of_split.values())
        yield from ((*pair, False) for pair in product(*ends))


def _known(
    images: Sequence[SplitImage], signatures: Sequence[ImageSignature]
) -> list[tuple[set[bytes], set[str]]]:
    """Contents and splits of the groups that the split files accept."""
    places = {(image.root, image.source): place for place, image in enumerate(images)}
    found = []
    for root in dict.fromkeys(image.root for image in images):
        for group in _known_groups(root):
            members = [places[root, str(name)] for name in group if (root, str(name)) in places]
            found.append(({signatures[n].digest for n in members}, {images[n].split for n in members}))
    return found


def _known_groups(root: Path) -> list[list[str]]:
    try:
        value = read_split_file(root).get('known_repeats')
    except DataError:
        # The check of the split file tells it.
        return []
    return [group for group in value if isinstance(group, list)] if isinstance(value, list) else []


def _rank(split: str) -> int:
    return SPLITS.index(split) if split in SPLITS else len(SPLITS)


def _place(image: SplitImage) -> str:
    return f'{image.root / image.name} ({image.split})'


def _fault(pair: list[SplitImage], what: str) -> Fault:
    other, image = pair
    across = 'do not train on one set and test on the other, or drop one of the two images'
    mend = 'keep both in one split, or drop one of them' if image.root == other.root else across
    what = f'{image.name!r} ({image.split}) {what} {other.name!r} ({other.split}) of {other.file}'
    return Fault(image.file, image.record, 'file_name', what, mend)


def _unreadable(images: Sequence[SplitImage], signatures: Sequence[ImageSignature]) -> list[Fault]:
    mend = 'copy the file again from its source, or remove its record'
    return [
        Fault(image.file, image.record, 'file_name', f'{image.name!r} {signature.fault}', mend)
        for image, signature in zip(images, signatures, strict=True)
        if signature.fault
    ]
