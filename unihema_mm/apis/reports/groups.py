"""The clinical group of a class, through the taxonomy."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from functools import cache

from unihema_mm.datasets.taxonomy import load_taxonomy
from unihema_mm.utils.errors import InputError


class Group(str, Enum):
    """Clinical groups, in the order of a report."""

    WHITE = 'white cells'
    RED = 'red cells'
    INFECTED = 'infected red cells'
    NUCLEATED_RED = 'nucleated red cells'
    PLATELET = 'platelets'
    CLUMP = 'platelet clumps'
    PARASITE = 'other parasites and bacteria'
    OTHER = 'other cells'
    NO_CELL = 'no cell'
    NOT_IDENTIFIABLE = 'not identifiable'
    NOT_IN_TAXONOMY = 'not in the taxonomy'


# The first that a class is below decides.
_HEADS = (
    ('thrombocyte aggregation', Group.CLUMP),
    ('platelet', Group.PLATELET),
    ('WBC', Group.WHITE),
    ('RBC', Group.RED),
    ('erythroblast', Group.NUCLEATED_RED),
    ('plasmodium', Group.INFECTED),
    ('parasite', Group.PARASITE),
    ('TB bacillus', Group.PARASITE),
    ('artefact', Group.NO_CELL),
    ('unidentified', Group.NOT_IDENTIFIABLE),
)
# Groups whose members are a red cell whatever else they are.
_RED_CELLS = {Group.RED, Group.INFECTED}


@dataclass(frozen=True)
class CellType:
    """Class of a cell in the words of the taxonomy, or of the model where the taxonomy lacks it."""

    name: str
    group: Group


@cache
def cell_type(label: str) -> CellType:
    """Look a class of a model up."""
    taxonomy = load_taxonomy()
    try:
        name = taxonomy.resolve(label)
    except InputError:
        return CellType(label, Group.NOT_IN_TAXONOMY)
    group = next((group for head, group in _HEADS if taxonomy.is_a(name, head)), Group.OTHER)
    return CellType(name, group)


def shared_group(groups: Iterable[Group]) -> Group | None:
    """The group that a cell is in whichever of its classes is right, None where there is none."""
    groups = set(groups)
    if groups <= _RED_CELLS:
        return Group.RED
    return groups.pop() if len(groups) == 1 else None
