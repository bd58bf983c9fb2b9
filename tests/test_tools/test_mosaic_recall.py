"""tools/analysis_tools/mosaic_recall.py: what counts as found, and what a field shows."""

import runpy
from dataclasses import replace

import numpy as np
import pytest

from unihema_mm.structures.results import Cell

SQUARE = np.array([[0.0, 0], [20, 0], [20, 20], [0, 20]])


@pytest.fixture(scope='module')
def tool(repo):
    return runpy.run_path(str(repo / 'tools/analysis_tools/mosaic_recall.py'))


def predicted(*corners, size=20, label='RBC'):
    return [Cell((x, y, x + size, y + size), label, 0, 0.9 - i / 100) for i, (x, y) in enumerate(corners)]


def test_each_box_finds_one_cell_and_each_cell_is_found_once(tool):
    truth = tool['truth_of']([('RBC', SQUARE), ('ring', SQUARE + 100)], [np.array([10.0]), np.array([])])
    assert truth.seam.tolist() == [True, False]
    counts = tool['match'](truth, predicted((1, 1), (0, 0), (101, 100), (300, 300)))
    expected = dict(truth=2, predicted=4, found=2, named=1, seam=1, seam_found=1)
    assert counts == expected
    far = tool['match'](truth, predicted((12, 0), (112, 100)))
    assert far == dict(expected, predicted=2, found=0, named=0, seam_found=0)


def test_the_better_of_two_cells_is_taken(tool):
    truth = tool['truth_of']([('RBC', SQUARE), ('ring', SQUARE + 4)])
    (cell,) = predicted((3, 3))
    assert tool['match'](truth, [replace(cell, label='ring')])['named'] == 1
    assert tool['match'](truth, predicted((3, 3), (3, 3)))['found'] == 2


def test_nothing_there_or_nothing_found(tool):
    nothing = tool['truth_of']([])
    assert tool['match'](nothing, predicted((0, 0)))['predicted'] == 1
    assert tool['match'](nothing, [])['found'] == 0
    assert tool['match'](tool['truth_of']([('RBC', SQUARE)]), [])['truth'] == 1


def test_a_field_shows_cells_of_which_a_quarter_is_inside(tool):
    places = dict(RBC=[190, 50], ring=[184, 0], platelet=[300, 50])
    cells = [(name, SQUARE + np.array(place)) for name, place in places.items()]
    shown = tool['truth_of_field'](cells, (100, 0, 200, 100))
    np.testing.assert_allclose(shown.boxes, [[90, 50, 100, 70], [84, 0, 100, 20]])
    shown = tool['truth_of_field'](cells, (200, 0, 300, 100))
    assert shown.names == ['RBC']
    np.testing.assert_allclose(shown.boxes, [[0, 50, 10, 70]])
