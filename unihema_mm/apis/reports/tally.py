"""Counts of one image, small enough to keep those of thousands of images."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from .counts import NOT_IDENTIFIABLE, Finding, Status
from .groups import Group

GAMETOCYTE = 'gametocyte'


@dataclass
class Tally:
    """Counts of one image.

    Attributes:
        image: Name of the image.
        detected: All boxes that were listed, second boxes of a cell included.
        counted: (group, class) -> cells of clear type.
        unclear: Group -> cells counted in it whose type is not identifiable.
        not_identifiable: Most likely class -> cells counted nowhere.
        border: Class -> cells that the border rule left out.
        second_boxes: Boxes of cells that have a better box.
        parasites: Stage -> parasites.
        infected: Red cells with an asexual parasite.
        with_gametocytes: Red cells with a gametocyte and no asexual parasite.
        red_cells: Red cells whose infection is clear, the infected ones once.
        all_red_cells: Those, and red cells of unclear type.
        attributes: (class, attribute, value) -> cells; the value is None where not identified.
        first_number: Number of its first cell in the report, from 1.
        warnings: What the reader should know.
    """

    image: str
    detected: int = 0
    counted: Counter = field(default_factory=Counter)
    unclear: Counter = field(default_factory=Counter)
    not_identifiable: Counter = field(default_factory=Counter)
    border: Counter = field(default_factory=Counter)
    second_boxes: int = 0
    parasites: Counter = field(default_factory=Counter)
    infected: int = 0
    with_gametocytes: int = 0
    red_cells: int = 0
    all_red_cells: int = 0
    attributes: Counter = field(default_factory=Counter)
    first_number: int = 1
    warnings: tuple[str, ...] = ()

    def in_group(self, group: Group) -> int:
        """Cells of a group, those of unclear type included."""
        return self.unclear[group] + sum(n for (kind, _), n in self.counted.items() if kind is group)

    def of_class(self, group: Group, name: str) -> int:
        """Cells of a class."""
        return self.counted[group, name]


def tally(
    image: str, found: Sequence[Finding], first_number: int = 1, warnings: tuple[str, ...] = ()
) -> Tally:
    """Count the cells of one image.

    Args:
        image: Name of the image.
        found: All its cells.
        first_number: Number of its first cell in the report.
        warnings: What the reader should know.
    """
    result = Tally(image, len(found), first_number=first_number, warnings=warnings)
    for one in found:
        if one.status is Status.COUNTED:
            result.counted[one.group, one.name] += 1
            result.attributes.update((one.name, key, value) for key, value in one.attributes.items())
        elif one.status is Status.UNCLEAR:
            result.unclear[one.group] += 1
        elif one.status in NOT_IDENTIFIABLE:
            result.not_identifiable[one.name] += 1
        elif one.status is Status.BORDER:
            result.border[one.name] += 1
        else:
            result.second_boxes += 1
    _count_infected(result, found)
    return result


def _count_infected(result: Tally, found: Sequence[Finding]) -> None:
    parasites = [one for one in found if one.group is Group.INFECTED and one.is_counted]
    result.parasites.update(one.name if one.status is Status.COUNTED else None for one in parasites)
    # A parasite without a red cell around it is the box of an infected cell itself.
    cell = [('own', one.number) if one.host is None else ('host', one.host) for one in parasites]
    asexual = {place for place, one in zip(cell, parasites, strict=True) if not _is_gametocyte(one)}
    result.infected = len(asexual)
    result.with_gametocytes = len(set(cell) - asexual)
    # A red cell of unclear type stands here only where a parasite in it makes the infection clear.
    red = {('host', one.number): one.status for one in found if one.group is Group.RED and one.is_counted}
    clear = {place for place, status in red.items() if status is Status.COUNTED}
    result.red_cells = len(clear | set(cell))
    result.all_red_cells = len(red.keys() | set(cell))


def _is_gametocyte(one: Finding) -> bool:
    return one.status is Status.COUNTED and one.name == GAMETOCYTE
