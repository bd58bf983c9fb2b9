"""BinaryMaskMetric against mmseg, scikit-learn and hand-computed numbers."""

import numpy as np
import pytest
import torch
from mmseg.evaluation import IoUMetric
from sklearn.metrics import f1_score, jaccard_score

from unihema_mm.evaluation.metrics import BinaryMaskMetric
from unihema_mm.utils.errors import InputError


@pytest.fixture
def mask_sample(make_sample):
    def build(truth, predicted, text='Malaria'):
        return make_sample(gt_sem_seg=truth, pred_sem_seg=predicted, text=text)

    return build


def test_hand_computed_means_and_pool(run, mask_sample):
    """Image 1: 1 of 1 pixels found, 1 extra. Image 2: 0 of 8 found."""
    first = mask_sample([[1, 0], [0, 0]], [[1, 1], [0, 0]])
    second = mask_sample(np.ones((2, 4)), np.zeros((2, 4)))
    found = run(BinaryMaskMetric(), [first, second])
    expected = dict(dice=(2 / 3 + 0) / 2, iou=(1 / 2 + 0) / 2, pooled_dice=2 / 11, pooled_iou=1 / 10)
    assert found == pytest.approx(expected)


def test_equals_scikit_learn_and_mmseg(run, mask_sample):
    rng = np.random.default_rng(2)
    sizes = [(7, 5), (1, 1), (30, 41)]
    pairs = [(rng.choice([0, 1, 255], size), rng.integers(0, 2, size)) for size in sizes]
    pairs[1] = np.ones((1, 1)), np.ones((1, 1))
    found = run(BinaryMaskMetric(), [mask_sample(*pair) for pair in pairs])
    valid = [(truth[truth != 255], predicted[truth != 255]) for truth, predicted in pairs]
    assert found['dice'] == pytest.approx(np.mean([f1_score(*pair) for pair in valid]), abs=1e-12)
    assert found['iou'] == pytest.approx(np.mean([jaccard_score(*pair) for pair in valid]), abs=1e-12)
    areas = [
        IoUMetric.intersect_and_union(torch.tensor(predicted), torch.tensor(truth), 2, 255)
        for truth, predicted in pairs
    ]
    both, either, predicted, truth = (sum(area)[1].item() for area in zip(*areas, strict=True))
    assert found['pooled_iou'] == pytest.approx(both / either, abs=1e-12)
    assert found['pooled_dice'] == pytest.approx(2 * both / (predicted + truth), abs=1e-12)


def test_empty_masks(run, mask_sample):
    nothing, all_set = np.zeros((3, 3)), np.ones((3, 3))
    assert set(run(BinaryMaskMetric(), [mask_sample(nothing, nothing)]).values()) == {1.0}
    assert '1 images, 1 of them without foreground' in run.log
    assert set(run(BinaryMaskMetric(), [mask_sample(nothing, all_set)]).values()) == {0.0}
    found = run(BinaryMaskMetric(), [mask_sample(nothing, nothing), mask_sample(all_set, nothing)])
    assert (found['dice'], found['pooled_dice']) == (0.5, 0.0)


def test_ignored_pixels(run, mask_sample):
    ignored = mask_sample(np.full((2, 2), 255), np.ones((2, 2)))
    assert run(BinaryMaskMetric(), [ignored]) == {}
    half = mask_sample([[1, 255]], [[1, 1]])
    assert run(BinaryMaskMetric(), [ignored, half])['dice'] == 1.0
    assert '1 of 2 masks are ignored in every pixel' in run.log


def test_by_prompt(run, mask_sample):
    samples = [
        mask_sample([[1, 0]], [[1, 0]], 'Malaria'),
        mask_sample([[1, 0]], [[0, 1]], 'Sickle'),
        mask_sample([[1, 0]], [[1, 1]], 'Sickle'),
    ]
    found = run(BinaryMaskMetric(by_text=True), samples)
    assert found['dice_Malaria'] == 1.0
    assert found['dice_Sickle'] == pytest.approx(1 / 3)
    assert found['iou_Sickle'] == pytest.approx(1 / 4)
    assert found['dice'] == pytest.approx((1 + 2 / 3) / 3)
    assert 'Sickle' in run.log


def test_faulty_masks(run, mask_sample, make_sample):
    with pytest.raises(InputError, match=r'cell\.png: pred_sem_seg is \(2, 3\), the truth \(2, 2\)'):
        run(BinaryMaskMetric(), [mask_sample(np.zeros((2, 2)), np.zeros((2, 3)))])
    with pytest.raises(InputError, match='pred_sem_seg holds the value 2'):
        run(BinaryMaskMetric(), [mask_sample(np.zeros((1, 2)), [[0, 2]])])
    with pytest.raises(InputError, match='gt_sem_seg holds the value 7'):
        run(BinaryMaskMetric(), [mask_sample([[7, 255]], [[0, 0]])])
    with pytest.raises(InputError, match='is missing'):
        run(BinaryMaskMetric(), [make_sample(gt_sem_seg=np.zeros((1, 1)))])
    assert run(BinaryMaskMetric(), [make_sample()]) == {}
