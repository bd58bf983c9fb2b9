"""CellClassMetric against scikit-learn and hand-computed numbers."""

import csv
import json

import cv2
import numpy as np
import pytest
import torch
from sklearn.metrics import classification_report

from unihema_mm.evaluation.metrics import CellClassMetric
from unihema_mm.utils.errors import InputError

CLASSES = ('basophil', 'eosinophil', 'lymphocyte', 'monocyte')


@pytest.fixture
def samples(make_sample):
    def build(truth, predicted):
        return [
            make_sample(gt_label=torch.tensor([one]), pred_label=torch.tensor([other]))
            for one, other in zip(truth, predicted, strict=True)
        ]

    return build


def test_hand_computed(run, samples):
    """Class 0: 2 of 3 found, 1 extra; class 1: 0 of 1; class 2: not shown, 1 predicted; class 3: nowhere."""
    found = run(CellClassMetric(), samples([0, 0, 0, 1], [0, 0, 2, 0]), classes=CLASSES)
    first = 2 * 2 / (3 + 3)
    assert found == pytest.approx({'accuracy': 0.5, 'macro_f1': first / 3, 'weighted_f1': first * 3 / 4})
    assert 'basophil' in run.log and 'monocyte' not in run.log


def test_equals_scikit_learn(run, samples):
    rng = np.random.default_rng(1)
    truth, predicted = rng.integers(0, 4, 200), rng.integers(0, 4, 200)
    found = run(CellClassMetric(), samples(truth, predicted), classes=CLASSES)
    report = classification_report(truth, predicted, output_dict=True)
    assert found['accuracy'] == pytest.approx(report['accuracy'], abs=1e-12)
    assert found['macro_f1'] == pytest.approx(report['macro avg']['f1-score'], abs=1e-12)
    assert found['weighted_f1'] == pytest.approx(report['weighted avg']['f1-score'], abs=1e-12)


def test_one_class_and_one_image(run, samples):
    assert set(run(CellClassMetric(), samples([2], [2]), classes=CLASSES).values()) == {1.0}


def test_samples_of_other_tasks_are_passed_over(run, samples, make_sample):
    mixed = [make_sample(answers=['Yes']), *samples([1, 1], [1, 0]), make_sample()]
    assert run(CellClassMetric(), mixed, classes=CLASSES)['accuracy'] == 0.5
    assert '2 of 4 samples have no gt_label' in run.log


def test_nothing_to_score(run, make_sample):
    assert run(CellClassMetric(), [make_sample()], classes=CLASSES) == {}
    assert 'nothing is scored' in run.log


def test_missing_prediction_and_foreign_classes(run, samples, make_sample):
    with pytest.raises(InputError, match=r'cell\.png: pred_label is missing'):
        run(CellClassMetric(), [make_sample(gt_label=torch.tensor([1]))], classes=CLASSES)
    with pytest.raises(InputError, match='pred_label 4 is no index of the 4 classes'):
        run(CellClassMetric(), samples([0], [4]), classes=CLASSES)


def test_files(run, samples, tmp_path):
    data = samples([0, 0, 1, 3], [0, 1, 1, 0])
    expected = [[1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0]]
    table, picture = tmp_path / 'confusion.csv', tmp_path / 'new' / 'confusion.png'
    run(CellClassMetric(out_file=str(table), draw_file=str(picture)), data, classes=CLASSES)
    rows = list(csv.reader(table.open(newline='')))
    assert rows[0] == ['true class', *CLASSES]
    assert [[int(value) for value in row[1:]] for row in rows[1:]] == expected
    assert cv2.imread(str(picture)).std() > 10

    document = tmp_path / 'confusion.json'
    run(CellClassMetric(out_file=str(document)), data, classes=CLASSES)
    assert json.loads(document.read_text()) == {'classes': list(CLASSES), 'matrix': expected}


@pytest.mark.parametrize('wrong', [dict(out_file='matrix.txt'), dict(draw_file='matrix.json')])
def test_wrong_endings(wrong):
    with pytest.raises(InputError, match='must end in'):
        CellClassMetric(**wrong)
