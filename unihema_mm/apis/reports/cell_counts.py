"""Counts per group and class, what was left out, and the ratios that need no count of the patient."""

from collections import Counter

from .estimates import count, ratio, share
from .groups import Group
from .quantities import Quantity, Sample, quantity

COUNT = 'count'
PER_IMAGE = 'cells per image'
LEFT_OUT = 'not counted'
INFECTED_INCLUDED = 'infected ones included'


def cell_counts(sample: Sample) -> list[Quantity]:
    """Counts of all groups and classes that the model has or that were found."""
    lines = []
    for group in Group:
        names = sample.of_group(group)
        numbers = sample.per_image(group)
        note = ''
        if group is Group.RED and (names or sample.of_group(Group.INFECTED)):
            numbers = [tally.all_red_cells for tally in sample.tallies]
            note = INFECTED_INCLUDED if sample.of_group(Group.INFECTED) else ''
        if names or any(numbers):
            lines += _of_group(sample, group, numbers, note)
        # One class alone has the number of its group.
        if len(names) > 1 or note or (names and any(tally.unclear[group] for tally in sample.tallies)):
            lines += [
                quantity(COUNT, name, count(sample.per_image(group, name), sample.options), 'cells')
                for name in names
            ]
    return lines


def _of_group(sample: Sample, group: Group, numbers: list[int], note: str) -> list[Quantity]:
    total = count(numbers, sample.options)
    unclear = sum(tally.unclear[group] for tally in sample.tallies)
    if unclear:
        note = '; '.join(filter(None, (note, f'{unclear} of them of a type that is not identifiable')))
    lines = [quantity(COUNT, group.value, total, 'cells', note)]
    if len(numbers) > 1:
        lines.append(quantity(PER_IMAGE, group.value, total.times(1 / len(numbers)), 'cells per image'))
    return lines


def not_counted(sample: Sample) -> list[Quantity]:
    """What was found and is in no count: plain numbers, without interval."""
    images = len(sample.tallies)
    lines = []
    for name, field, note in (
        ('not identifiable', 'not_identifiable', 'as the most likely class has it'),
        ('left out by the border rule', 'border', ''),
    ):
        numbers = sum((getattr(tally, field) for tally in sample.tallies), Counter())
        lines.append(_plain(name, '', sum(numbers.values()), images, ''))
        lines += [_plain(name, kind, n, images, note) for kind, n in sorted(numbers.items())]
    second = sum(tally.second_boxes for tally in sample.tallies)
    return [*lines, _plain('second boxes of a cell', '', second, images, '')]


def _plain(name: str, kind: str, n: int, images: int, note: str) -> Quantity:
    return Quantity(f'{LEFT_OUT}: {name}', kind, n, None, None, 'cells', 'counted, no interval', images, note)


def cell_ratios(sample: Sample) -> list[Quantity]:
    """Sickle share, platelets per red cell, nucleated red cells per white cell, where the model has them."""
    lines = []
    red = [tally.all_red_cells for tally in sample.tallies]
    if 'sickle cells' in sample.classes:
        typed = [tally.red_cells for tally in sample.tallies]
        sickle = share(
            sample.per_image(Group.RED, 'sickle cells'), typed, sample.options, 'red cells counted'
        )
        lines.append(quantity('sickle share', 'sickle cells', sickle.times(100), '% of red cells'))
    if sample.knows(Group.PLATELET) and sample.knows(Group.RED):
        per_red = ratio(sample.per_image(Group.PLATELET), red, sample.options, 'red cells counted')
        lines.append(quantity('platelets per red cell', '', per_red.times(1000), 'per 1,000 red cells'))
        rbc = sample.options.per_ul('rbc', sample.slide)
        if rbc is not None:
            note = f'with {rbc:,.0f} red cells per microlitre, taken as exact'
            lines.append(quantity('platelets', '', per_red.times(rbc), 'per microlitre', note))
    if sample.knows(Group.NUCLEATED_RED) and sample.knows(Group.WHITE):
        nucleated = ratio(
            sample.per_image(Group.NUCLEATED_RED), sample.per_image(Group.WHITE), sample.options,
            'white cells counted')  # fmt: skip
        lines.append(quantity('nucleated red cells', '', nucleated.times(100), 'per 100 white cells'))
    return lines
