"""AttributeMetric and CellAttributeMetric against scikit-learn and hand-computed numbers."""

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData
from sklearn.metrics import f1_score

from unihema_mm.evaluation.metrics import AttributeMetric, CellAttributeMetric
from unihema_mm.evaluation.metrics.attribute_scores import score_attributes
from unihema_mm.utils.errors import InputError

ATTRIBUTES = {'vacuoles': ['absent', 'prominent'], 'colour': ['pink', 'red', 'nil']}
LEFT, MIDDLE, RIGHT = [0.0, 0, 20, 20], [40.0, 40, 60, 60], [70.0, 70, 90, 90]


@pytest.fixture
def field(make_sample):
    """Callable: true cells, found boxes and object queries -> sample; rows are (box, attributes[, score])."""

    def build(cells, found, queries=None):
        def columns(rows):
            boxes = torch.tensor([row[0] for row in rows]).reshape(-1, 4)
            attributes = torch.tensor([row[1] for row in rows], dtype=torch.long).reshape(-1, 2)
            return dict(bboxes=boxes, attributes=attributes)

        fields = dict(
            gt_instances=dict(columns(cells), labels=torch.zeros(len(cells), dtype=torch.long)),
            pred_instances=dict(columns(found), scores=torch.tensor([row[2] for row in found])),
        )
        if queries is not None:
            logits = torch.tensor([[row[2]] for row in queries]).reshape(-1, 1)
            fields['pred_queries'] = dict(columns(queries), logits=logits)
        return make_sample(**fields)

    return build


def test_three_ways(run, field):
    """Two cells found with right attributes, one missed whose query, though poor, is right."""
    cells = [(LEFT, [1, 0]), (MIDDLE, [0, 2]), (RIGHT, [1, 1])]
    found = [(LEFT, [1, 0], 0.9), (MIDDLE, [0, 2], 0.8)]
    queries = [(RIGHT, [1, 1], -4.0), (MIDDLE, [0, 2], 2.0), (LEFT, [1, 0], 2.0), (LEFT, [0, 0], -8.0)]
    scores = run(AttributeMetric(), [field(cells, found, queries)], attributes=ATTRIBUTES)
    assert scores['found'] == pytest.approx(2 / 3)
    for way in ('matched', 'detected'):
        for name in ('f1', 'macro_f1', 'accuracy', 'vacuoles_f1', 'colour_f1'):
            assert scores[f'{way}_{name}'] == 1.0
    # vacuoles: 'prominent' 1 of 2 found: F1 2/3, 'absent' 1; colour: 'pink' 1, 'nil' 1, 'red' 0.
    assert scores['missed_as_errors_vacuoles_f1'] == pytest.approx(2 / 3)
    assert scores['missed_as_errors_colour_f1'] == pytest.approx(2 / 3)
    assert scores['missed_as_errors_macro_f1'] == pytest.approx(((2 / 3 + 1) / 2 + 2 / 3) / 2)
    assert scores['missed_as_errors_accuracy'] == pytest.approx(2 / 3)
    assert all(f'attributes, {way}' in run.log for way in ('matched', 'detected', 'missed_as_errors'))


def test_missed_cell_of_the_first_value_costs_macro_f1_and_accuracy(run, field):
    cells = [(LEFT, [1, -1]), (MIDDLE, [0, -1])]
    scores = run(AttributeMetric(), [field(cells, [(LEFT, [1, 0], 0.9)])], attributes=ATTRIBUTES)
    assert scores['missed_as_errors_f1'] == 1.0
    assert scores['missed_as_errors_macro_f1'] == scores['missed_as_errors_accuracy'] == 0.5


def test_detection_of_a_cell(run, field):
    """Box of highest IoU decides, not that of highest score; too low IoU or score is a miss."""
    near = [0.0, 0, 20, 18]
    found = [(near, [0, 0], 0.9), (LEFT, [1, 0], 0.3), (LEFT, [0, 1], 0.2), (MIDDLE, [1, 0], 0.05)]
    found.append(([70.0, 70, 90, 79], [1, 0], 0.9))
    cells = [(LEFT, [1, 0]), (MIDDLE, [1, 0]), (RIGHT, [1, 0])]
    sample = field(cells, found)
    scores = run(AttributeMetric(), [sample], attributes=ATTRIBUTES)
    assert scores['found'] == pytest.approx(1 / 3)
    assert scores['detected_accuracy'] == 1.0
    assert not any(key.startswith('matched') for key in scores)
    assert 'pred_queries' in run.log
    loose = run(AttributeMetric(iou_thr=0.4, score_thr=0.0), [sample], attributes=ATTRIBUTES)
    assert loose['found'] == 1.0


def test_annotations_that_are_missing(run, field):
    """Image 1 lacks colours, image 2 has a cell without any annotation that is not found."""
    samples = [
        field([(LEFT, [1, -1])], [(LEFT, [1, 2], 0.9)]),
        field([(LEFT, [-1, -1]), (MIDDLE, [-1, 0])], [(MIDDLE, [0, 0], 0.9)]),
    ]
    scores = run(AttributeMetric(), samples, attributes=ATTRIBUTES)
    assert scores['found'] == scores['missed_as_errors_f1'] == scores['missed_as_errors_colour_f1'] == 1.0
    assert '2 of 3 cells in 2 images are annotated' in run.log


def test_attribute_that_nobody_annotated_has_no_number(run, field):
    scores = run(AttributeMetric(), [field([(LEFT, [1, -1])], [(LEFT, [1, 0], 0.9)])], attributes=ATTRIBUTES)
    assert 'detected_colour_f1' not in scores
    assert scores['detected_f1'] == scores['detected_vacuoles_f1'] == 1.0


def test_no_cells_no_detections_no_queries(run, field, make_sample):
    assert run(AttributeMetric(), [field([], [(LEFT, [1, 0], 0.9)], [])], attributes=ATTRIBUTES) == {}
    nothing = run(AttributeMetric(), [field([(LEFT, [1, 0])], [], [])], attributes=ATTRIBUTES)
    assert nothing['found'] == nothing['missed_as_errors_f1'] == 0.0
    assert not any(key.startswith(('detected', 'matched')) for key in nothing)
    assert run(AttributeMetric(), [make_sample()], attributes=ATTRIBUTES) == {}
    assert 'none of 1 samples has gt_instances.attributes' in run.log


def test_more_cells_than_queries(run, field):
    cells = [(LEFT, [1, 0]), (RIGHT, [0, 1])]
    scores = run(AttributeMetric(), [field(cells, [], [(RIGHT, [0, 1], 1.0)])], attributes=ATTRIBUTES)
    assert scores['matched_accuracy'] == 1.0


def test_matcher_measures_boxes_in_image_sizes(run, field):
    """A shift by 2 of 100 pixels costs less than a poor score; in pixels it would cost more."""
    shifted = [2.0, 0, 22, 20]
    sample = field([(LEFT, [1, 0])], [], [(LEFT, [0, 1], -4.0), (shifted, [1, 0], 4.0)])
    assert run(AttributeMetric(), [sample], attributes=ATTRIBUTES)['matched_accuracy'] == 1.0


def test_matcher_weighs_class_and_box(run, field):
    """The query of the right class has the slightly worse box; the costs come from the config."""
    sample = field([(LEFT, [1, 0])], [])
    sample.gt_instances.labels[:] = 1
    sample.pred_queries = InstanceData(
        logits=torch.tensor([[4.0, -4.0], [-4.0, 4.0]]),
        bboxes=torch.tensor([LEFT, [0.0, 0, 20, 19]]),
        attributes=torch.tensor([[0, 1], [1, 0]]),
    )
    assert run(AttributeMetric(), [sample], attributes=ATTRIBUTES)['matched_accuracy'] == 1.0
    costs = [dict(type='mmdet.IoUCost', iou_mode='giou')]
    boxes_only = dict(type='mmdet.HungarianAssigner', match_costs=costs)
    assert run(AttributeMetric(matcher=boxes_only), [sample], attributes=ATTRIBUTES)['matched_accuracy'] == 0


def test_foreign_attributes(run, field):
    sample = field([(LEFT, [1, 0])], [(LEFT, [1, 0], 0.9)])
    with pytest.raises(InputError, match='the data set has 1 attributes'):
        run(AttributeMetric(), [sample], attributes={'vacuoles': ['absent', 'prominent']})
    with pytest.raises(InputError, match='colour: the true label 2 is no index of'):
        run(
            AttributeMetric(),
            [field([(LEFT, [1, 2])], [(LEFT, [1, 0], 0.9)])],
            attributes=dict(ATTRIBUTES, colour=['pink', 'red']),
        )
    sample.pred_instances.attributes = torch.zeros(1, 6, dtype=torch.long)
    with pytest.raises(InputError, match='has 6 attributes, the truth 2'):
        run(AttributeMetric(), [sample], attributes=ATTRIBUTES)


def test_single_cells_equal_scikit_learn(run, make_sample):
    rng = np.random.default_rng(3)
    truth, predicted = (rng.integers((0, 0), (2, 3), (80, 2)) for _ in range(2))
    truth[rng.random(truth.shape) < 0.2] = -1
    samples = [
        make_sample(gt_attributes=torch.tensor(one), pred_attributes=torch.tensor(other))
        for one, other in zip(truth, predicted, strict=True)
    ]
    scores = run(CellAttributeMetric(), samples, attributes=ATTRIBUTES)
    expected = []
    for column, name in enumerate(ATTRIBUTES):
        known = truth[:, column] >= 0
        expected.append(f1_score(truth[known, column], predicted[known, column], average='macro'))
        assert scores[f'{name}_macro_f1'] == pytest.approx(expected[-1], abs=1e-12)
        right = truth[known, column] == predicted[known, column]
        assert scores[f'{name}_accuracy'] == pytest.approx(right.mean())
    assert scores['macro_f1'] == pytest.approx(np.mean(expected), abs=1e-12)


def test_single_cells_without_annotations(run, make_sample):
    bare = make_sample(gt_attributes=torch.tensor([-1, -1]), pred_attributes=torch.tensor([0, 0]))
    assert run(CellAttributeMetric(), [bare], attributes=ATTRIBUTES) == {}
    other = make_sample(gt_attributes=torch.tensor([1, -1]), pred_attributes=torch.tensor([1, 0]))
    scores = run(CellAttributeMetric(), [bare, other], attributes=ATTRIBUTES)
    assert set(scores) == {'macro_f1', 'accuracy', 'vacuoles_macro_f1', 'vacuoles_accuracy'}
    with pytest.raises(InputError, match='pred_attributes is missing'):
        run(CellAttributeMetric(), [make_sample(gt_attributes=torch.tensor([1, 0]))], attributes=ATTRIBUTES)


def test_value_that_is_neither_shown_nor_predicted():
    """F1 of 'prominent' is 0 / 0, which is no result; scikit-learn would say 0."""
    zeros = np.zeros((4, 1), dtype=int)
    score = score_attributes(zeros, zeros, {'vacuoles': ['absent', 'prominent']})['vacuoles']
    assert (score.f1, score.macro_f1, score.accuracy) == (None, 1.0, 1.0)
    wrong = score_attributes(zeros, zeros + 1, {'vacuoles': ['absent', 'prominent']})['vacuoles']
    assert (wrong.f1, wrong.macro_f1, wrong.accuracy) == (0.0, 0.0, 0.0)
