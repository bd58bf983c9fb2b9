"""Curves from logs."""

import json

import cv2
import numpy as np
import pytest

from unihema_mm.utils.errors import InputError
from unihema_mm.visualization.curves import draw_curves, draw_precision_recall, read_scalars, split_scalars


def log(work_dir, run, lines, rest=''):
    file = work_dir / run / 'vis_data/scalars.json'
    file.parent.mkdir(parents=True)
    file.write_text(''.join(json.dumps(line) + '\n' for line in lines) + rest)


def test_a_resumed_run_follows_the_first_and_replaces_what_it_did_again(tmp_path):
    log(tmp_path, '1', [dict(loss=3.0, step=1), dict(loss=2.0, step=2)], rest='{"loss": 1.')
    log(tmp_path, '2', [dict(loss=2.5, step=2, lr=0.1), dict(loss=1.5, step=3)])
    assert read_scalars(tmp_path)['loss'] == ([1, 2, 3], [3.0, 2.5, 1.5])
    assert read_scalars(tmp_path)['lr'] == ([2], [0.1])


def test_the_time_of_an_evaluation_is_not_that_of_a_step(tmp_path):
    log(tmp_path, '1', [dict(time=1.0, step=5), {'det/bbox_mAP': 0.5, 'time': 9.0, 'step': 1}])
    assert read_scalars(tmp_path) == {'time': ([5], [1.0]), 'det/bbox_mAP': ([1], [0.5])}


def test_a_folder_without_a_run(tmp_path):
    with pytest.raises(InputError, match='give the folder of a training'):
        read_scalars(tmp_path)


def test_curves_are_sorted_by_what_they_are(tmp_path):
    names = (
        'loss',
        'det.loss_cls',
        'det.d0.loss_cls',
        'det/bbox_mAP',
        'det/bbox_RBC_AP50',
        'lr',
        'data_time',
    )
    parts = split_scalars(dict.fromkeys(names, ([1], [1.0])))
    assert {key: set(part) for key, part in parts.items()} == {
        'losses': {'loss', 'det.loss_cls'},
        'metrics': {'det/bbox_mAP'},
        'rates': {'lr'},
    }
    chosen = split_scalars(dict.fromkeys(names, ([1], [1.0])), ['det/*AP50'])
    assert set(chosen['metrics']) == {'det/bbox_RBC_AP50'}


@pytest.mark.parametrize('number', [1, 5])
def test_figures_are_drawn(tmp_path, number):
    draw_curves(tmp_path / 'a.png', {str(n): ([1, 2], [1.0, float('nan')]) for n in range(number)}, 'a')
    recall = np.linspace(0, 1, 11)
    draw_precision_recall(tmp_path / 'b.png', {str(n): (1 - recall, recall, 0.5) for n in range(number)}, 'b')
    draw_precision_recall(tmp_path / 'c.png', {}, 'c')
    for name in 'abc':
        assert cv2.imread(str(tmp_path / f'{name}.png')) is not None
