"""White-cell differential."""

from .estimates import share
from .groups import Group
from .quantities import Quantity, Sample, quantity, undefined

DIFFERENTIAL = 'white-cell differential'
ABSOLUTE = 'white cells'
CUSTOMARY = 100
_WHOLE = 'WBC'


def differential(sample: Sample) -> list[Quantity]:
    """Shares of the types among the white cells whose type was identified, in percent.

    White cells that the model calls no more than white cells, and those of unclear type, are in no share;
    their number is told.
    """
    types = [name for name in sample.of_group(Group.WHITE) if name != _WHOLE]
    if not types:
        known = sample.knows(Group.WHITE)
        return (
            [undefined(DIFFERENTIAL, '%', 'the model tells no types of white cells apart')] if known else []
        )
    numbers = {name: sample.per_image(Group.WHITE, name) for name in types}
    typed = [sum(image) for image in zip(*numbers.values(), strict=True)]
    white = sum(sample.per_image(Group.WHITE))
    if not sum(typed):
        reason = 'no white cells counted' if not white else f'none of {white} white cells is of a clear type'
        return [undefined(DIFFERENTIAL, '%', reason)]
    untyped = white - sum(typed)
    notes = []
    if untyped:
        notes.append(f'{untyped} further white cells are of no clear type')
    if sum(typed) < CUSTOMARY:
        notes.append(f'fewer than {CUSTOMARY} cells')
    shares = {
        name: share(counts, typed, sample.options, 'white cells counted').times(100)
        for name, counts in numbers.items()
    }
    lines = [quantity(DIFFERENTIAL, name, found, '%', '; '.join(notes)) for name, found in shares.items()]
    wbc = sample.options.per_ul('wbc', sample.slide)
    if wbc is not None:
        note = f'share of {wbc:,.0f} white cells per microlitre, taken as exact'
        lines += [
            quantity(ABSOLUTE, name, found.times(wbc / 100), 'per microlitre', note)
            for name, found in shares.items()
        ]
    return lines
