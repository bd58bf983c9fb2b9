"""Pictures of cells: a field of view, or one centred cell with its neighbours."""

from typing import NamedTuple

import numpy as np

from .canvas import Slide
from .layout import Layout
from .palette import Stain, sample_stain
from .parasites import draw_gametocyte, draw_ring, draw_schizont, draw_trophozoite
from .red_cells import draw_platelet, draw_red_cell, draw_sickle_cell
from .shapes import area, clip
from .vocabulary import (
    BLOOD_COUNT,
    CLASSES,
    FIELD_KINDS,
    MALARIA,
    PARASITE_STAGES,
    SICKLE,
    STAGE_SHARES,
    WHITE_CELLS,
    WHITE_SHARES,
    FieldKind,
    sample_attributes,
)
from .white_cells import draw_white_cell, white_cell_radius

FIELD_SIZE = (640, 480)
CELL_SIZE = (128, 128)
# White and infected cells lie well inside the picture, as their attributes and parasites must be seen; others
# may be cut by the border. A cell of which less than this share is inside is not drawn at all, so all that is
# drawn is annotated.
MIN_VISIBLE = 0.25

_SIMPLE = {
    'RBC': draw_red_cell,
    'sickle cells': draw_sickle_cell,
    'platelet': draw_platelet,
    'ring': draw_ring,
    'trophozoite': draw_trophozoite,
    'schizont': draw_schizont,
    'gametocyte': draw_gametocyte,
}


class Cell(NamedTuple):
    """One annotated cell.

    Attributes:
        name (str): Its class.
        outline (np.ndarray): Polygon (n, 2) inside the picture, pixels.
        attributes (dict): The 11 attribute values of a white cell, else empty.
    """

    name: str
    outline: np.ndarray
    attributes: dict[str, str]


class Scene(NamedTuple):
    """A picture and all that is in it.

    Attributes:
        picture (np.ndarray): BGR uint8 of shape (h, w, 3).
        kind (FieldKind): What kind of blood it shows.
        cells (list[Cell]): Every drawn cell; the centred one first in a single-cell picture.
    """

    picture: np.ndarray
    kind: FieldKind
    cells: list[Cell]


class _Painter:
    """Draws cells on one slide and remembers what was drawn."""

    def __init__(self, rng, size, unit: float):
        self.rng, self.size, self.unit = rng, size, unit
        self.stain: Stain = sample_stain(rng)
        self.slide = Slide(rng, self.stain, *size)
        self.layout = Layout(*size)
        self.cells: list[Cell] = []
        self.spread = rng.uniform(0.03, 0.1)

    def draw(self, name: str, centre, radius: float, attributes: dict[str, str] | None = None, **options):
        if attributes:
            drawing = draw_white_cell(self.rng, self.stain, centre, radius, self.unit, attributes)
        else:
            drawing = _SIMPLE[name](self.rng, self.stain, centre, radius, **options)
        visible = clip(drawing.outline, *self.size)
        cut = visible is not drawing.outline
        if cut and (len(visible) < 3 or area(visible) < MIN_VISIBLE * area(drawing.outline)):
            return
        self.slide.paste(drawing.patch)
        self.cells.append(Cell(name, visible, attributes or {}))

    def red_radius(self) -> float:
        return self.unit * min(max(self.rng.normal(1, self.spread), 0.75), 1.25)

    def white_cells(self, count: int) -> None:
        names = self.rng.choice(list(WHITE_SHARES), size=count, p=list(WHITE_SHARES.values()))
        for name in map(str, names):
            values = sample_attributes(self.rng, name)
            radius = white_cell_radius(self.rng, self.unit, values)
            centre = self.layout.place(self.layout.anywhere(self.rng, 30, -0.75 * radius), radius, 1.04)
            if centre is not None:
                self.draw(name, centre, radius, values)

    def special(self, names, reach: float, inside: float) -> None:
        for name in names:
            candidates = self.layout.anywhere(self.rng, 30, -inside * self.unit)
            centre = self.layout.place(candidates, self.unit * reach, 0.98)
            if centre is not None:
                self.draw(name, centre, self.red_radius())

    def red_cells(self, count: int, clumping: float, sickle: bool) -> None:
        for clumped in self.rng.random(count) < clumping:
            radius = self.red_radius()
            centre = None
            if clumped:
                beside = self.layout.beside(self.rng, 12, self.unit, (1.25, 1.85))
                centre = self.layout.place(beside, radius, 0.6)
            if centre is None:
                centre = self.layout.place(self.layout.anywhere(self.rng, 24, 0.3 * radius), radius, 0.93)
            if centre is not None:
                self.draw('RBC', centre, radius, sickle=sickle)

    def platelets(self, count: int) -> None:
        grouped = self.rng.random() < 0.35
        start = self.layout.anywhere(self.rng, 1, -self.unit)[0]
        for _ in range(count):
            radius = self.unit * self.rng.uniform(0.24, 0.42)
            candidates = self.layout.anywhere(self.rng, 40, 0)
            if grouped and self.rng.random() < 0.7:
                near = start + self.rng.normal(0, 0.8 * self.unit, (12, 2))
                candidates = np.concatenate([near, candidates])
            centre = self.layout.place(candidates, radius, 1.02)
            if centre is not None:
                self.draw('platelet', centre, radius)

    def finish(self, kind: FieldKind) -> Scene:
        return Scene(self.slide.photograph(self.rng), kind, self.cells)


def _count(rng, bounds, times: int = 1) -> int:
    return int(rng.integers(bounds[0], bounds[1] + 1, times).sum())


def draw_field(rng, across: int = 1, down: int = 1) -> Scene:
    """Draw a field of view of 640 x 480 pixels, or one mosaic of several.

    Args:
        rng (np.random.Generator): Source of everything in it.
        across (int): Width of the picture in fields. Cells are as large and as dense as on one field, spread
            without regard to where a field would end.
        down (int): Its height in fields.

    Returns:
        Scene: The picture, its kind and its cells.
    """
    kind = FIELD_KINDS[int(rng.choice(len(FIELD_KINDS), p=[k.share for k in FIELD_KINDS]))]
    fields = across * down
    red, white = _count(rng, kind.red, fields), _count(rng, kind.white, fields)
    infected, sickle = _count(rng, kind.infected, fields), _count(rng, kind.sickle, fields)
    width, height = FIELD_SIZE[0] * across, FIELD_SIZE[1] * down
    cover = rng.uniform(0.24, 0.4)
    unit = np.sqrt(cover * width * height / (np.pi * (red + infected + sickle + 3 * white)))
    painter = _Painter(rng, (width, height), float(np.clip(unit, 14.5, 27)))
    painter.white_cells(white)
    stages = rng.choice(list(STAGE_SHARES), size=infected, p=list(STAGE_SHARES.values()))
    painter.special(map(str, stages), 1.2, 0.85)
    painter.special(['sickle cells'] * sickle, 1.1, 0.3)
    painter.red_cells(red, rng.uniform(0.1, 0.75), kind is SICKLE)
    painter.platelets(_count(rng, kind.platelets, fields))
    return painter.finish(kind)


def _kind_of(name: str) -> FieldKind:
    if name in PARASITE_STAGES:
        return MALARIA
    return SICKLE if name == 'sickle cells' else BLOOD_COUNT


def draw_single_cell(rng, name: str) -> Scene:
    """Draw a picture of 128 x 128 pixels with one cell in its middle and some neighbours.

    Args:
        rng (np.random.Generator): Source of everything in it.
        name (str): Class of the centred cell, one of `vocabulary.CLASSES`.

    Returns:
        Scene: The picture, its kind and its cells, the centred one first.
    """
    if name not in CLASSES:
        raise ValueError(f'unknown class {name!r}: use one of {", ".join(CLASSES)}')
    kind = _kind_of(name)
    unit = rng.uniform(17, 21) if name in WHITE_CELLS else rng.uniform(22, 29)
    painter = _Painter(rng, CELL_SIZE, unit)
    centre = np.array(CELL_SIZE) / 2 + rng.uniform(-4, 4, 2)
    if name in WHITE_CELLS:
        values = sample_attributes(rng, name)
        radius = white_cell_radius(rng, unit, values)
        painter.layout.take(centre, radius, 1.06)
        painter.draw(name, centre, radius, values)
    elif name == 'platelet':
        radius = unit * rng.uniform(0.28, 0.42)
        painter.layout.take(centre, radius, 1.1)
        painter.draw(name, centre, radius)
    else:
        painter.layout.take(centre, unit * (1.0 if name == 'RBC' else 1.25), 1.0)
        painter.draw(name, centre, painter.red_radius())
    painter.red_cells(_count(rng, (2, 7)), rng.uniform(0, 0.4), kind is SICKLE)
    if rng.random() < 0.25:
        painter.platelets(1)
    return painter.finish(kind)
