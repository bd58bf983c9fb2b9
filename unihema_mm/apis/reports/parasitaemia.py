"""Parasitaemia, by the formulas of the methods manual on malaria microscopy (WHO/TDR, 2015)."""

from .estimates import ratio, share
from .groups import Group
from .quantities import Quantity, Sample, quantity, undefined
from .tally import GAMETOCYTE, Tally

PARASITAEMIA = 'parasitaemia'
GAMETOCYTES = 'gametocytes'
STAGES = 'stages of parasites'
THICK_FILM_CELLS = 200  # white cells that the manual asks for where there are many parasites; 500 otherwise


def parasitaemia(sample: Sample) -> list[Quantity]:
    """Infected per 1,000 red cells, parasites per microlitre where the cells are given, stages."""
    if not sample.knows(Group.INFECTED) and not any(sample.per_image(Group.INFECTED)):
        return []
    lines = _per_red_cell(sample) + _per_white_cell(sample)
    stages = sample.of_group(Group.INFECTED)
    all_stages = [sum(tally.parasites[name] for name in stages) for tally in sample.tallies]
    if len(stages) > 1 and sum(all_stages):
        lines += [
            quantity(STAGES, name,
                     share([tally.parasites[name] for tally in sample.tallies], all_stages, sample.options,
                           'parasites of clear stage').times(100), '%')
            for name in stages
        ]  # fmt: skip
    return lines


def _per_red_cell(sample: Sample) -> list[Quantity]:
    red = [tally.red_cells for tally in sample.tallies]
    if not sample.knows(Group.RED):
        return [undefined(PARASITAEMIA, 'per 1,000 red cells', 'the model has no class for red cells')]
    found = share(
        [_infected(tally, sample) for tally in sample.tallies], red, sample.options, 'red cells counted'
    )
    lines = [
        quantity(PARASITAEMIA, 'infected red cells', found.times(1000), 'per 1,000 red cells', _rule(sample))
    ]
    rbc = sample.options.per_ul('rbc', sample.slide)
    if rbc is not None:
        note = f'with {rbc:,.0f} red cells per microlitre, taken as exact'
        lines.append(quantity(PARASITAEMIA, 'infected red cells', found.times(rbc), 'per microlitre', note))
    if GAMETOCYTE in sample.classes:
        carriers = share([tally.with_gametocytes for tally in sample.tallies], red, sample.options,
                         'red cells counted')  # fmt: skip
        lines.append(quantity(GAMETOCYTES, GAMETOCYTE, carriers.times(1000), 'per 1,000 red cells'))
    return lines


def _per_white_cell(sample: Sample) -> list[Quantity]:
    wbc = sample.options.per_ul('wbc', sample.slide)
    if wbc is None:
        return []
    if not sample.knows(Group.WHITE):
        return [undefined(PARASITAEMIA, 'per microlitre', 'the model has no class for white cells')]
    white = sample.per_image(Group.WHITE)
    parasites = [_parasites(tally, sample) for tally in sample.tallies]
    found = ratio(parasites, white, sample.options, 'white cells counted')
    note = f'with {wbc:,.0f} white cells per microlitre, taken as exact; {_rule(sample)}'
    if 0 < sum(white) < THICK_FILM_CELLS:
        note += f'; the method asks for {THICK_FILM_CELLS} white cells or more'
    return [quantity(PARASITAEMIA, 'parasites', found.times(wbc), 'per microlitre', note)]


def _infected(tally: Tally, sample: Sample) -> int:
    return tally.infected + (tally.with_gametocytes if sample.options.gametocytes else 0)


def _parasites(tally: Tally, sample: Sample) -> int:
    return tally.parasites.total() - (0 if sample.options.gametocytes else tally.parasites[GAMETOCYTE])


def _rule(sample: Sample) -> str:
    return 'gametocytes included' if sample.options.gametocytes else 'gametocytes not included'
