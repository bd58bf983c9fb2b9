"""Which detected cells are counted, and as what."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

import numpy as np

from unihema_mm.structures.results import Cell, CellClass, ImageResult

from .boxes import hosts, left_out, owners
from .groups import Group, cell_type, shared_group
from .options import ReportOptions

_ORDER = {group: place for place, group in enumerate(Group)}


class Status(str, Enum):
    """What became of a detected cell."""

    COUNTED = 'counted'
    UNCLEAR = 'counted in its group, type not identifiable'
    LOW_SCORE = 'not identifiable: low score'
    CLOSE = 'not identifiable: classes too close'
    BORDER = 'left out: border rule'
    SECOND_BOX = 'left out: second box of a cell'


NOT_IDENTIFIABLE = (Status.LOW_SCORE, Status.CLOSE)


@dataclass(frozen=True)
class Finding:
    """One detected cell, or the cell of a single-cell image, and how it is counted.

    Attributes:
        name: Its most likely class, in the words of the taxonomy.
        group: Clinical group it is counted in.
        status: Whether and how it is counted.
        score: 0 to 1.
        bbox: x1, y1, x2, y2 in pixels; None for the whole of a single-cell image.
        rivals: Other classes of the same cell whose score is nearer to its own than the margin.
        attributes: Attribute -> value, None where the value was not identified; of cells of clear type.
        host: Number, within the image, of the red cell that a parasite lies in; None where there is none.
        number: Own number within the image, from 0.
    """

    name: str
    group: Group
    status: Status
    score: float
    bbox: tuple[float, float, float, float] | None
    rivals: tuple[str, ...]
    attributes: Mapping[str, str | None]
    host: int | None
    number: int

    @property
    def is_counted(self) -> bool:
        """Whether it stands in the number of its group."""
        return self.status in (Status.COUNTED, Status.UNCLEAR)


def findings(result: ImageResult, options: ReportOptions) -> list[Finding] | None:
    """Decide on every cell of an image.

    Args:
        result: Prediction; its detected cells, or where detection was not asked for, its single-cell class.
        options: Rules.

    Returns:
        By group, class and falling score; None where the prediction has neither cells nor a class.
    """
    if result.cells is None:
        return None if result.cell_class is None else [_single_cell(result.cell_class, options)]
    cells = sorted(result.cells, key=lambda cell: (cell_type(cell.label).name, -cell.score))
    cells.sort(key=lambda cell: _ORDER[cell_type(cell.label).group])
    boxes = np.array([cell.bbox for cell in cells], dtype=float).reshape(-1, 4)
    by_score = np.argsort([-cell.score for cell in cells], kind='stable').astype(int)
    owner = np.empty_like(by_score)
    owner[by_score] = by_score[owners(boxes[by_score], options.same_cell_iou)]
    rivals = [{} for _ in cells]
    for place in np.flatnonzero(owner != np.arange(len(cells))):
        best, second = cells[owner[place]], cells[place]
        rivals[owner[place]] |= _rivals(best.label, best.score, {second.label: second.score}, options.margin)
    decided = [
        _decide(cell.label, cell.score, close, options) for cell, close in zip(cells, rivals, strict=True)
    ]
    host = _red_cells_of_parasites(boxes, owner, decided)
    out = left_out(boxes, result.width, result.height, options.border, options.border_px)
    found = []
    for place, (cell, (status, group)) in enumerate(zip(cells, decided, strict=True)):
        if owner[place] != place:
            status = Status.SECOND_BOX
        elif out[host.get(place, place)]:
            status = Status.BORDER
        attributes = _attributes(cell, options) if status is Status.COUNTED else {}
        name, box = cell_type(cell.label).name, tuple(float(value) for value in cell.bbox)
        found.append(Finding(name, group, status, float(cell.score), box, tuple(rivals[place]), attributes,
                             host.get(place), place))  # fmt: skip
    return found


def _rivals(label: str, score: float, others: Mapping[str, float], margin: float) -> dict[str, Group]:
    """Class -> group of the other classes that score nearly as well."""
    near = [cell_type(other) for other, value in others.items() if value > score - margin]
    return {kind.name: kind.group for kind in near if kind.name != cell_type(label).name}


def _decide(label: str, score: float, rivals: Mapping[str, Group], options: ReportOptions):
    """Status and group of a cell, its place on the image aside."""
    group = cell_type(label).group
    if score < options.identify:
        return Status.LOW_SCORE, group
    if not rivals:
        return Status.COUNTED, group
    shared = shared_group([group, *rivals.values()])
    return (Status.CLOSE, group) if shared is None else (Status.UNCLEAR, shared)


def _red_cells_of_parasites(boxes: np.ndarray, owner: np.ndarray, decided: list) -> dict[int, int]:
    """Place of a parasite -> place of the red cell it lies in, where that has a box of its own."""
    counted = [
        i
        for i, (status, _) in enumerate(decided)
        if owner[i] == i and status in (Status.COUNTED, Status.UNCLEAR)
    ]
    reds = [i for i in counted if decided[i][1] is Group.RED]
    parasites = [i for i in counted if decided[i][1] is Group.INFECTED]
    found = hosts(boxes[parasites], boxes[reds])
    return {i: reds[place] for i, place in zip(parasites, found, strict=True) if place >= 0}


def _attributes(cell: Cell, options: ReportOptions) -> dict[str, str | None]:
    scores = cell.attribute_scores
    return {
        name: value if scores.get(name, 1.0) >= options.identify_attribute else None
        for name, value in cell.attributes.items()
    }


def _single_cell(found: CellClass, options: ReportOptions) -> Finding:
    rivals = _rivals(found.label, found.score, found.scores, options.margin)
    status, group = _decide(found.label, found.score, rivals, options)
    attributes = dict(found.attributes) if status is Status.COUNTED else {}
    name = cell_type(found.label).name
    return Finding(name, group, status, float(found.score), None, tuple(rivals), attributes, None, 0)
