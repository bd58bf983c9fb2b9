"""Dice, F1 and BLEU equal those of the libraries on random data."""

import numpy as np
import pytest
import sacrebleu
import torch
from mmengine.logging import MMLogger
from mmseg.evaluation import IoUMetric
from rouge_score.rouge_scorer import RougeScorer
from sklearn.metrics import accuracy_score, f1_score

from unihema_mm.evaluation.metrics import (
    AttributeMetric,
    BinaryMaskMetric,
    CellAttributeMetric,
    CellClassMetric,
    TextMetric,
)

WORDS = ['the', 'nucleus', 'is', 'round', ',', 'oval', 'or', 'lobed', 'chromatin', 'looks', 'open', 'Blue']
CLOSE = dict(abs=1e-9)


@pytest.fixture(autouse=True)
def _logger():
    MMLogger.get_instance('test_parity')


def evaluate(metric, samples, **meta):
    metric.dataset_meta = meta
    metric.process({}, samples)
    return {key.split('/', 1)[1]: value for key, value in metric.evaluate(len(samples)).items()}


@pytest.mark.parametrize('seed', range(3))
def test_dice_and_iou_equal_mmseg(seed):
    rng = np.random.default_rng(seed)
    pairs = []
    for _ in range(6):
        shape = 1, *rng.integers(1, 40, 2)
        truth = (rng.random(shape) < 0.4).astype(np.uint8)
        predicted = np.where(rng.random(shape) < 0.2, 1 - truth, truth)
        truth[rng.random(shape) < 0.05] = 255
        truth[0, 0, 0] = predicted[0, 0, 0] = 1  # some foreground, where mmseg has a number
        pairs.append((torch.tensor(truth), torch.tensor(predicted)))
    ours = evaluate(
        BinaryMaskMetric(),
        [dict(gt_sem_seg=dict(sem_seg=one), pred_sem_seg=dict(sem_seg=other)) for one, other in pairs],
    )
    areas = [IoUMetric.intersect_and_union(other[0], one[0], 2, 255) for one, other in pairs]

    def theirs(selected):
        totals = [sum(area) for area in zip(*selected, strict=True)]
        found = IoUMetric.total_area_to_metrics(*totals, metrics=['mDice', 'mIoU'])
        return found['Dice'][1], found['IoU'][1]

    each = np.mean([theirs([area]) for area in areas], axis=0)
    assert (ours['dice'], ours['iou']) == pytest.approx(tuple(each), abs=1e-6)
    assert (ours['pooled_dice'], ours['pooled_iou']) == pytest.approx(theirs(areas), abs=1e-6)


@pytest.mark.parametrize('classes', [1, 2, 45])
def test_classification_equals_scikit_learn(classes):
    rng = np.random.default_rng(classes)
    truth, predicted = rng.integers(0, classes, (2, 150))
    samples = [
        dict(gt_label=torch.tensor([one]), pred_label=torch.tensor([other]))
        for one, other in zip(truth, predicted, strict=True)
    ]
    ours = evaluate(CellClassMetric(), samples, classes=[f'class {label}' for label in range(classes)])
    assert ours['accuracy'] == pytest.approx(accuracy_score(truth, predicted), **CLOSE)
    for average in ('macro', 'weighted'):
        theirs = f1_score(truth, predicted, average=average, zero_division=0)
        assert ours[f'{average}_f1'] == pytest.approx(theirs, **CLOSE)


def test_attributes_equal_scikit_learn():
    """Six binary attributes as in LeukemiaAttri; all cells are found, so the three ways agree."""
    rng = np.random.default_rng(5)
    attributes = {f'attribute {index}': ['no', 'yes'] for index in range(6)}
    truth, predicted = rng.integers(0, 2, (2, 90, 6))
    truth[rng.random(truth.shape) < 0.1] = -1
    fields, cells = [], []
    for one, other in zip(np.split(truth, 9), np.split(predicted, 9), strict=True):
        boxes = torch.tensor([[50.0 * place, 0, 50 * place + 40, 40] for place in range(10)])
        order = torch.tensor(rng.permutation(10))
        found = dict(bboxes=boxes[order], attributes=torch.tensor(other)[order])
        fields.append(
            dict(
                ori_shape=(100, 500),
                gt_instances=dict(
                    bboxes=boxes, labels=torch.zeros(10, dtype=torch.long), attributes=torch.tensor(one)
                ),
                pred_instances=dict(found, scores=torch.rand(10) * 0.5 + 0.4),
                pred_queries=dict(found, logits=torch.zeros(10, 1)),
            )
        )
        cells += [
            dict(gt_attributes=torch.tensor(a), pred_attributes=torch.tensor(b))
            for a, b in zip(one, other, strict=True)
        ]
    ours = evaluate(AttributeMetric(), fields, attributes=attributes)
    single = evaluate(CellAttributeMetric(), cells, attributes=attributes)
    known = [column >= 0 for column in truth.T]
    pairs = [(truth[rows, place], predicted[rows, place]) for place, rows in enumerate(known)]
    binary = np.mean([f1_score(*pair) for pair in pairs])
    macro = np.mean([f1_score(*pair, average='macro') for pair in pairs])
    for way in ('matched', 'detected', 'missed_as_errors'):
        assert ours[f'{way}_f1'] == pytest.approx(binary, **CLOSE)
        assert ours[f'{way}_macro_f1'] == pytest.approx(macro, **CLOSE)
    assert single['macro_f1'] == pytest.approx(macro, **CLOSE)
    assert ours['found'] == 1.0


@pytest.mark.parametrize('seed', range(3))
def test_bleu_and_rouge_equal_their_libraries(seed):
    rng = np.random.default_rng(seed)
    targets = [' '.join(rng.choice(WORDS, rng.integers(4, 15))) for _ in range(40)]
    predictions = [
        ' '.join(word if rng.random() < 0.8 else rng.choice(WORDS) for word in target.split())
        for target in targets
    ]
    samples = [
        dict(questions=['What?'], answers=[one], pred_answers=[other])
        for one, other in zip(targets, predictions, strict=True)
    ]
    ours = evaluate(TextMetric(), samples)
    theirs = sacrebleu.corpus_bleu(predictions, [targets], lowercase=True)
    assert ours['bleu4'] == pytest.approx(theirs.score, **CLOSE)
    precisions = np.asarray(theirs.precisions)
    for order in range(1, 5):
        mean = np.exp(np.log(precisions[:order]).mean())
        assert ours[f'bleu{order}'] == pytest.approx(theirs.bp * mean, **CLOSE)
    scorer = RougeScorer(['rougeL'])
    rouge = [
        scorer.score(one, other)['rougeL'].fmeasure for one, other in zip(targets, predictions, strict=True)
    ]
    assert ours['rouge_l'] == pytest.approx(100 * np.mean(rouge), **CLOSE)
