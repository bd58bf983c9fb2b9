"""Summary of morphological attributes."""

from collections import defaultdict

from .estimates import share
from .quantities import Quantity, Sample, quantity

ATTRIBUTE = 'attribute'


def attribute_shares(sample: Sample) -> list[Quantity]:
    """Share of each value among the cells of a class whose attribute was identified, in percent."""
    names = defaultdict(set)
    for tally in sample.tallies:
        for kind, attribute, value in tally.attributes:
            names[kind, attribute].add(value)
    lines = []
    for (kind, attribute), values in sorted(names.items(), key=lambda item: item[0]):
        known = sorted(value for value in values if value is not None)
        totals = [
            sum(tally.attributes[kind, attribute, value] for value in known) for tally in sample.tallies
        ]
        unclear = sum(tally.attributes[kind, attribute, None] for tally in sample.tallies)
        note = f'{unclear} further cells: value not identifiable' if unclear else ''
        lines += [
            quantity(f'{ATTRIBUTE}: {attribute}', f'{kind}: {value}',
                     share([tally.attributes[kind, attribute, value] for tally in sample.tallies], totals,
                           sample.options, 'cells').times(100), '%', note)
            for value in known
        ]  # fmt: skip
    return lines
