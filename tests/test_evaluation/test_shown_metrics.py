"""One number for the tasks of a stage."""

import pytest

from unihema_mm.datasets.schema import TASKS
from unihema_mm.evaluation.shown_metrics import percent_of, shown_metrics, stage_score


def test_every_task_has_a_main_metric():
    assert tuple(shown_metrics()) == tuple(TASKS) and all(shown_metrics().values())


def test_tasks_count_alike_whatever_the_number_of_their_sets():
    metrics = {
        'det_a/bbox_mAP_50': 0.2,
        'det_b/bbox_mAP_50': 0.4,
        'det_b/bbox_mAP': 1.0,
        'vqa_a/bleu4': 50.0,
        'cls_a/weighted_f1': 1.0,
    }
    names = ['det_a', 'det_b', 'vqa_a', 'cls_a']
    assert stage_score(metrics, ['det', 'vqa'], names) == pytest.approx(40)
    assert stage_score(metrics, ['cls'], names) == pytest.approx(100)


def test_what_was_not_measured_does_not_count():
    metrics = {'det_a/bbox_mAP_50': -1.0, 'det_b/bbox_mAP_50': 0.5, 'seg_a/iou': 0.9}
    names = ['det_a', 'det_b', 'seg_a']
    assert stage_score(metrics, ['det', 'seg', 'cls'], names) == pytest.approx(50)
    assert stage_score(metrics, ['seg'], names) is stage_score({}, ['det'], ()) is None


def test_a_gain_may_be_negative():
    metrics = {'vqa_a/image_gain_bleu4': -20.0, 'vqa_a/bleu4': -1.0}
    assert percent_of(metrics, 'vqa', 'vqa_a', 'image_gain_bleu4') == pytest.approx(-20)
    assert percent_of(metrics, 'vqa', 'vqa_a', 'bleu4') is None
