"""One line of a report."""

from collections.abc import Sequence
from dataclasses import dataclass

from .estimates import Estimate
from .groups import Group, cell_type
from .options import ReportOptions
from .tally import Tally


@dataclass(frozen=True)
class Quantity:
    """One number of a slide or an image.

    Attributes:
        quantity: What it is, e.g. ``'white-cell differential'``.
        kind: Class or attribute value it is about, empty for the whole.
        value: None where it is undefined.
        low: Lower bound of the interval, None where there is none.
        high: Upper bound.
        unit: E.g. ``'%'``.
        method: Name of the interval, or why the value is undefined.
        n: Cells in the denominator of a share or ratio, images of a count.
        note: What the reader should know, empty where there is nothing.
    """

    quantity: str
    kind: str
    value: float | None
    low: float | None
    high: float | None
    unit: str
    method: str
    n: int
    note: str = ''


def quantity(name: str, kind: str, estimate: Estimate, unit: str, note: str = '') -> Quantity:
    """Name an estimate."""
    return Quantity(
        name, kind, estimate.value, estimate.low, estimate.high, unit, estimate.method, estimate.n, note
    )


def undefined(name: str, unit: str, reason: str) -> Quantity:
    """A quantity that cannot be told."""
    return Quantity(name, '', None, None, None, unit, f'undefined: {reason}', 0)


@dataclass(frozen=True)
class Sample:
    """The images of one slide, or one of them.

    Attributes:
        slide: Name of the slide.
        tallies: Counts per image.
        classes: Classes of the model in the words of the taxonomy.
        options: Rules.
    """

    slide: str
    tallies: Sequence[Tally]
    classes: tuple[str, ...]
    options: ReportOptions

    def knows(self, group: Group) -> bool:
        """Whether the model has a class of a group: what it cannot find is no zero."""
        return any(cell_type(name).group is group for name in self.classes)

    def of_group(self, group: Group) -> list[str]:
        """Classes of a group that the model has or that were counted, by name."""
        counted = {name for tally in self.tallies for kind, name in tally.counted if kind is group}
        return sorted(counted | {name for name in self.classes if cell_type(name).group is group})

    def per_image(self, group: Group, name: str | None = None) -> list[int]:
        """Cells of a group, or of a class in it, per image."""
        if name is None:
            return [tally.in_group(group) for tally in self.tallies]
        return [tally.counted[group, name] for tally in self.tallies]
