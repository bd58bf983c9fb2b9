"""Detections against annotated cells: pairs, confusion, curves and single errors."""

import numpy as np
import pytest

from unihema_mm.evaluation.cell_matching import Cells, Field, match_cells, match_field, overlaps
from unihema_mm.evaluation.detection_curves import detection_confusion, precision_recall
from unihema_mm.evaluation.detection_errors import find_errors


def cells(*items, queries=None):
    """Cells of (x, label, score): squares of 10 pixels at x."""
    boxes = np.array([(x, 0, x + 10, 10) for x, _, _ in items], float).reshape(-1, 4)
    labels = np.array([label for _, label, _ in items], int)
    scores = np.array([score for *_, score in items], float)
    return Cells(boxes, labels, scores, queries=None if queries is None else np.array(queries))


def field(truth, found):
    return Field('field.png', truth, found)


def test_each_cell_has_one_detection_at_most():
    matches = match_cells(cells((0, 0, 1)), cells((1, 0, 0.9), (0, 0, 0.8)))
    assert matches.pairs == [(0, 1)]  # the better overlap
    assert matches.invented == [0]


def test_the_right_class_is_paired_before_the_better_overlap():
    matches = match_cells(cells((0, 0, 1), (1, 1, 1)), cells((0, 1, 0.9), (1, 0, 0.9)))
    assert sorted(matches.pairs) == [(0, 1), (1, 0)]


def test_more_right_cells_go_before_more_pairs():
    def boxes(*items):
        corners = np.array([box for box, _ in items], float)
        return Cells(corners, np.array([label for _, label in items]), np.ones(len(items)))

    truth = boxes(((0, 0, 100, 100), 0), ((30, 0, 130, 100), 1))
    found = boxes(((28, 0, 128, 100), 0), ((-5, 0, 95, 100), 2))
    overlap = overlaps(truth, found)
    assert (overlap >= 0.5).tolist() == [[True, True], [True, False]]
    assert match_cells(truth, found).pairs == [(0, 0)]


def test_what_the_annotation_does_not_tell_is_no_error():
    truth, crowds = cells((0, 0, 1)), cells((40, 0, 1))
    wide = Cells(np.array([[40, 0, 80, 10]], float), crowds.labels, crowds.scores)
    found = cells((0, 0, 0.9), (45, 0, 0.8), (60, 0, 0.7), (50, 1, 0.6))
    one = Field('field.png', truth, found, wide)
    _, matches = match_field(one, 0.3)
    assert (matches.pairs, matches.missed, matches.invented) == ([(0, 0)], [], [3])
    assert detection_confusion([one], 2).tolist() == [[1, 0, 0], [0, 0, 0], [0, 1, 0]]
    assert [error.class_name for error in find_errors([one], 'ab')] == ['b']
    assert precision_recall([one], 'ab')['a'][2] == pytest.approx(1)

    for is_partly, invented, average in ((False, 1, 0.5), (True, 0, 1.0)):
        part = Field('field.png', truth, cells((70, 0, 0.95), (0, 0, 0.9)), None, is_partly)
        assert len(match_field(part, 0.3)[1].invented) == len(find_errors([part], 'ab')) == invented
        assert precision_recall([part], 'ab')['a'][2] == pytest.approx(average)


@pytest.mark.parametrize(('truth', 'found'), [((), ()), (((0, 0, 1),), ()), ((), ((0, 0, 1),))])
def test_nothing_on_a_side(truth, found):
    matches = match_cells(cells(*truth), cells(*found))
    assert (len(matches.pairs), len(matches.missed), len(matches.invented)) == (0, len(truth), len(found))


def test_a_box_that_only_touches_is_no_pair():
    matches = match_cells(cells((0, 0, 1)), cells((10, 0, 1), (6, 0, 1)))
    assert (matches.pairs, matches.missed, matches.invented) == ([], [0], [0, 1])


def test_confusion_has_a_background():
    one = field(
        cells((0, 0, 1), (20, 0, 1), (40, 1, 1)),
        cells((0, 0, 0.9), (21, 1, 0.8), (80, 1, 0.7), (40, 1, 0.2)),
    )
    assert detection_confusion([one], 2).tolist() == [[1, 1, 0], [0, 0, 1], [0, 1, 0]]
    assert detection_confusion([one], 2, score_thr=0.1).tolist() == [[1, 1, 0], [0, 1, 0], [0, 1, 0]]
    assert detection_confusion([], 2).tolist() == [[0] * 3] * 3


def test_an_object_query_counts_with_its_best_class():
    one = field(cells((0, 1, 1)), cells((0, 0, 0.4), (0, 1, 0.9), (50, 0, 0.5), queries=[3, 3, 4]))
    assert detection_confusion([one], 2).tolist() == [[0, 0, 0], [0, 1, 0], [1, 0, 0]]
    assert one.found.chosen(0.6).labels.tolist() == [1]


def test_precision_recall_of_a_known_case():
    one = field(cells((0, 0, 1), (20, 0, 1)), cells((0, 0, 0.9), (60, 0, 0.8), (20, 0, 0.7)))
    curves = precision_recall([one], ['RBC', 'WBC'])
    assert set(curves) == {'RBC'}  # no WBC is annotated
    precision, recall, average = curves['RBC']
    assert precision[recall <= 0.5] == pytest.approx(1)
    assert precision[recall > 0.5] == pytest.approx(2 / 3)
    assert average == pytest.approx((51 + 50 * 2 / 3) / 101)


def test_precision_recall_without_detections():
    curves = precision_recall([field(cells((0, 0, 1)), cells())], ['RBC'])
    assert curves['RBC'][2] == 0


def test_errors_of_each_kind_the_most_confident_first():
    truth, found = cells((0, 0, 1), (20, 0, 1), (40, 1, 1)), cells((0, 0, 0.9), (21, 1, 0.8), (80, 1, 0.7))
    truth = Cells(truth.boxes, truth.labels, truth.scores, np.array([[0, 1], [0, 0], [0, 0]]))
    found = Cells(found.boxes, found.labels, found.scores, np.array([[1, 0], [0, 0], [0, 0]]))
    errors = find_errors([field(truth, found)], ['RBC', 'WBC'], {'a_b': 'xy', 'c': 'xy'})
    assert [(error.kind, error.class_name, error.note) for error in errors] == [
        ('wrong attribute', 'RBC', 'a b: y, not x, c: x, not y'),
        ('confused', 'RBC', 'called WBC 80%'),
        ('false positive', 'WBC', '70%'),
        ('false negative', 'WBC', 'not found'),
    ]
    assert errors[1].box == (20, 0, 30, 10)


def test_a_second_detection_of_a_cell_is_told_apart():
    errors = find_errors([field(cells((0, 0, 1)), cells((0, 0, 0.9), (1, 0, 0.8)))], ['RBC'])
    assert [(error.kind, error.note) for error in errors] == [
        ('false positive', '80%, a cell that another detection has')
    ]


def test_an_attribute_that_is_not_annotated_is_no_error():
    truth, found = cells((0, 0, 1)), cells((0, 0, 1))
    truth = Cells(truth.boxes, truth.labels, truth.scores, np.array([[-1]]))
    found = Cells(found.boxes, found.labels, found.scores, np.array([[1]]))
    assert find_errors([field(truth, found)], ['RBC'], {'a': 'xy'}) == []
