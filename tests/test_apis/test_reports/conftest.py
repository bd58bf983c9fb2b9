"""Predictions to report on."""

from types import SimpleNamespace

import pytest

from unihema_mm.apis.reports.counts import findings
from unihema_mm.apis.reports.groups import cell_type
from unihema_mm.apis.reports.options import ReportOptions
from unihema_mm.apis.reports.quantities import Sample
from unihema_mm.apis.reports.tally import tally
from unihema_mm.structures.results import Cell, CellClass, ImageResult

CLASSES = (
    'RBC', 'sickle cells', 'neutrophil', 'lymphocyte', 'WBC', 'platelet', 'ring', 'trophozoite', 'gametocyte',
    'erythroblast', 'difficult',
)  # fmt: skip


def cell(label, box, score=0.9, **attributes):
    """A cell; attributes are ``name=(value, confidence)``."""
    values = {name: value for name, (value, _) in attributes.items()}
    scores = {name: score for name, (_, score) in attributes.items()}
    label_id = CLASSES.index(label) if label in CLASSES else 0
    return Cell(tuple(map(float, box)), label, label_id, score, values, scores)


def row(label, number, score=0.9, top=10):
    """Cells of 10 pixels side by side."""
    return [cell(label, (10 + 20 * i, top, 20 + 20 * i, top + 10), score) for i in range(number)]


def image(cells, name='slide/a.png', classes=CLASSES, size=(1000, 800), path=None, **fields):
    """An image with cells."""
    return ImageResult(name, path, *size, ('det',), classes=classes, cells=tuple(cells), **fields)


def single(label, score, name='slide/a.png', **others):
    """A single-cell image with its class."""
    scores = {label: score, **others}
    return ImageResult(name, None, 64, 64, ('cls',), cell_class=CellClass(label, 0, score, scores))


def sample_of(*images, options=None):
    """The images as one slide."""
    options = options or ReportOptions()
    tallies = [tally(one.name, findings(one, options)) for one in images]
    classes = tuple(cell_type(label).name for label in images[0].classes)
    return Sample('slide', tallies, classes, options)


def by_name(lines):
    """Lines by quantity and class."""
    return {(line.quantity, line.kind): line for line in lines}


@pytest.fixture
def make():
    """Makers of predictions."""
    return SimpleNamespace(
        cell=cell, row=row, image=image, single=single, sample=sample_of, by_name=by_name, classes=CLASSES
    )
