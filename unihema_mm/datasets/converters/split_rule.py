"""The rule that splits a set: whole groups of images held out of train, repeats left out of it."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from hashlib import sha256
from pathlib import Path

from ..near_duplicates import COARSE_RADIUS, FINE_RADIUS, LEAST_CORRELATION, Repeats, connect, find_repeats
from ..schema import SPLITS, DataError, Fault
from .source import Note, SourceItem


@dataclass(frozen=True)
class SplitRule:
    """How the images of a source are split, parameters of an entry for every format.

    Args:
        hold_out: Split -> number of images, or a fraction of train below 1, to move there from train.
        group: Regular expression with a group named ``group``, searched in each image path of the source:
            what it finds, e.g. a patient or slide, is held out as a whole; without it images are.
        leave_repeats_out_of_train: Whether an image of train that repeats one of val or test, byte for
            byte or nearly, is dropped.
        known_repeats: Groups of image paths that the published lists put in several splits, accepted as they
            are.
    """

    hold_out: dict[str, float] = field(default_factory=dict)
    group: str = ''
    leave_repeats_out_of_train: bool = False
    known_repeats: list[list[str]] = field(default_factory=list)


RULE_PARAMETERS = tuple(item.name for item in fields(SplitRule))


@dataclass(frozen=True)
class Division:
    """A source with its final splits.

    Attributes:
        rule: The rule that was applied.
        items: The images.
        notes: What was moved or dropped.
        groups: Image -> name of the group it moved with, of the images that could not move alone.
    """

    rule: SplitRule
    items: list[SourceItem]
    notes: list[Note] = field(default_factory=list)
    groups: dict[str, str] = field(default_factory=dict)

    def as_dict(self, dataset: str) -> dict:
        """The content of the split file, see :func:`unihema_mm.datasets.split_file.write_split_file`."""
        splits = {split: sorted(item.image for item in self.items if item.split == split) for split in SPLITS}
        images = {item.image for item in self.items}
        rule = {
            'hold_out': self.rule.hold_out,
            'group': self.rule.group,
            'leave_repeats_out_of_train': self.rule.leave_repeats_out_of_train,
            'order': 'SHA-256 of the image path in the converted set; lowest of a group',
            'near_identical': {
                'coarse_radius': COARSE_RADIUS,
                'fine_radius': FINE_RADIUS,
                'least_correlation': LEAST_CORRELATION,
            },
        }
        return {
            'dataset': dataset,
            'rule': rule,
            'splits': {split: names for split, names in splits.items() if names},
            'groups': dict(sorted(self.groups.items())),
            'known_repeats': [list(group) for group in self.rule.known_repeats if images.issuperset(group)],
        }


def split_rule(parameters: Mapping) -> SplitRule:
    """Take the rule out of the parameters of an entry.

    Args:
        parameters: Name -> value; further ones are ignored.

    Raises:
        DataError: A value is not possible.
    """
    rule = SplitRule(**{name: parameters[name] for name in RULE_PARAMETERS if name in parameters})
    if not isinstance(rule.hold_out, dict):
        raise _fault('hold_out', f'is {rule.hold_out!r}', 'write {val: 0.15, test: 0.15}')
    if not isinstance(rule.leave_repeats_out_of_train, bool):
        what = f'is {rule.leave_repeats_out_of_train!r}'
        raise _fault('leave_repeats_out_of_train', what, 'write true or false')
    if not isinstance(rule.known_repeats, list) or not all(
        isinstance(group, list) and len(group) > 1 and all(isinstance(name, str) for name in group)
        for group in rule.known_repeats
    ):
        raise _fault('known_repeats', 'is not a list of lists of image paths', 'write [[a.jpg, b.jpg]]')
    try:
        named = rule.group == '' or 'group' in re.compile(str(rule.group)).groupindex
    except re.error as fault:
        raise _fault('group', f'is not a regular expression ({fault})', 'correct it') from None
    if not named:
        raise _fault('group', f'{rule.group!r} names no group', "write e.g. '(?P<group>patient_[0-9]+)/'")
    return rule


def divide(
    items: Sequence[SourceItem],
    rule: SplitRule,
    source: Path,
    *,
    workers: int = 1,
    progress: bool = False,
) -> Division:
    """Give the images of a source their final splits.

    Of a set without such a rule nothing changes and no image is read. What is held out depends on names and
    contents alone: groups are taken in the order of the hashes of their names, those that bring the classes
    nearer to their shares. Identical and near-identical images stay together, whatever their groups.

    Args:
        items: The images with the splits of the source.
        rule: The rule.
        source: The source folder.
        workers: Number of processes; the result is the same for any.
        progress: Whether to show progress bars.

    Raises:
        DataError: An amount is not possible, a split has images already or would get none, or the group
            expression does not fit an image.
    """
    items = list(items)
    if not rule.hold_out and not rule.leave_repeats_out_of_train:
        return Division(rule, items)
    _check_amounts(items, rule.hold_out)
    repeats = find_repeats([source / item.image for item in items], workers=workers, progress=progress)
    dropped, notes = _repeats_of_train(items, repeats) if rule.leave_repeats_out_of_train else (set(), [])
    train = [place for place, item in enumerate(items) if item.split == 'train' and place not in dropped]
    split_of, groups = {}, {}
    if rule.hold_out:
        _check_amounts([item for place, item in enumerate(items) if place not in dropped], rule.hold_out)
        together, groups = _groups(items, train, repeats, rule.group)
        split_of = _hold_out(together, rule.hold_out)
        notes += _near_notes(items, set(train), repeats)
        notes += [Note('held_out', f'{name} -> {split}') for name, split in sorted(split_of.items())]
    kept = [
        replace(item, split=split_of.get(item.image, item.split))
        for place, item in enumerate(items)
        if place not in dropped
    ]
    return Division(rule, kept, notes, groups)


def _repeats_of_train(items: list[SourceItem], repeats: Repeats) -> tuple[set[int], list[Note]]:
    dropped, notes = set(), []
    for group in connect(len(items), [link[:2] for link in repeats.links()]):
        evaluated = [place for place in group if items[place].split != 'train']
        if evaluated:
            found = [place for place in group if items[place].split == 'train']
            dropped.update(found)
            other = items[evaluated[0]].image
            notes += [Note('repeated_image', f'{items[place].image} repeats {other}') for place in found]
    return dropped, notes


def _groups(
    items: list[SourceItem], train: list[int], repeats: Repeats, pattern: str
) -> tuple[list[list[SourceItem]], dict[str, str]]:
    """Put the images of train that move together into groups; also name the groups of more than one image."""
    inside = set(train)
    repeated = connect(len(items), [link[:2] for link in repeats.links()])
    links = [
        (group[0], place)
        for group in ([place for place in group if place in inside] for group in repeated)
        for place in group[1:]
    ]
    names = {place: _group_name(items[place].image, pattern) for place in train} if pattern else {}
    first: dict[str, int] = {}
    links += [(first.setdefault(name, place), place) for place, name in names.items()]
    together = [group for group in connect(len(items), links) if group[0] in inside]
    named = {
        items[place].image: min(names.get(member, items[member].image) for member in group)
        for group in together
        if pattern or len(group) > 1
        for place in group
    }
    return [[items[place] for place in group] for group in together], named


def _group_name(image: str, pattern: str) -> str:
    found = re.search(pattern, image)
    if found is None or not found['group']:
        raise _fault('group', f'{pattern!r} finds no group in {image}', 'correct it')
    return found['group']


def _hold_out(together: list[list[SourceItem]], amounts: dict[str, float]) -> dict[str, str]:
    counts = Counter(item.class_name for group in together for item in group)
    ordered = sorted(together, key=_order)
    split_of: dict[str, str] = {}
    for split, amount in amounts.items():
        number = amount if isinstance(amount, int) else round(amount * counts.total())
        missing = _quota(counts, number)
        for group in ordered:
            taken = Counter(item.class_name for item in group)
            gain = sum(abs(missing[name]) - abs(missing[name] - count) for name, count in taken.items())
            if group[0].image not in split_of and gain > 0:
                missing.subtract(taken)
                split_of.update((item.image, split) for item in group)
        if split not in split_of.values():
            what = f'gets none of {counts.total()} images in {len(ordered)} groups that move as a whole'
            raise DataError(Fault('source', 'hold_out', split, what, 'hold out more'))
    if len(split_of) == counts.total():
        what = f'leaves none of {len(ordered)} groups in train'
        raise DataError(Fault('source', 'hold_out', 'amounts', what, 'hold out fewer'))
    return split_of


def _near_notes(items: list[SourceItem], train: set[int], repeats: Repeats) -> list[Note]:
    return [
        Note('near_identical_image', f'{items[second].image} is near-identical to {items[first].image}')
        for first, second in repeats.near
        if first in train and second in train
    ]


def _check_amounts(items: Sequence[SourceItem], amounts: dict[str, float]) -> None:
    taken = Counter(item.split for item in items)
    for split, amount in amounts.items():
        if split not in SPLITS or split in taken:
            what = 'has images of its own' if split in taken else 'is not a split'
            raise DataError(Fault('source', 'hold_out', split, what, 'name a split that has no images'))
        number = isinstance(amount, int | float) and not isinstance(amount, bool)
        if not number or not amount > 0 or (isinstance(amount, float) and amount >= 1):
            mend = 'write a number of images, or a fraction below 1'
            raise DataError(Fault('source', 'hold_out', split, f'is {amount!r}', mend))
    total = taken['train']
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


def _order(group: list[SourceItem]) -> str:
    return min(sha256(item.target.encode()).hexdigest() for item in group)


def _fault(name: str, what: str, mend: str) -> DataError:
    return DataError(Fault('entry', 'parameters', name, what, mend))
