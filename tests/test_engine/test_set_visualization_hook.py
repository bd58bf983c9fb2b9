"""Pictures of a test of several data sets."""

import logging
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from mmdet.structures import DetDataSample
from mmdet.visualization import DetLocalVisualizer
from mmengine.structures import InstanceData, PixelData

from unihema_mm.engine.hooks import SetVisualizationHook


@pytest.fixture
def image(tmp_path):
    path = tmp_path / 'cell.png'
    cv2.imwrite(str(path), np.full((40, 50, 3), 200, np.uint8))
    return str(path)


@pytest.fixture
def hook():
    """Hook that draws to a folder, with a visualizer of its own."""
    visualizer = DetLocalVisualizer.get_instance('test_set_visualization_hook')
    hook = SetVisualizationHook(draw=True, test_out_dir='pictures')
    hook._visualizer = visualizer
    return hook


@pytest.fixture
def runner(image, tmp_path):
    """What the hook reads of a runner."""
    return SimpleNamespace(
        work_dir=str(tmp_path),
        timestamp='now',
        image=image,
        logger=logging.getLogger('test_set_visualization_hook'),
        test_loop=SimpleNamespace(),
    )


def half(rows):
    """Mask of the upper or lower half."""
    mask = PixelData(sem_seg=torch.zeros(1, 40, 50, dtype=torch.uint8))
    mask.sem_seg[:, rows] = 1
    return mask


def draw(hook, runner, name, **fields):
    runner.test_loop.current = name
    sample = DetDataSample(metainfo=dict(img_path=runner.image))
    for key, value in fields.items():
        setattr(sample, key, value)
    hook.after_test_iter(runner, 0, {}, [sample])


def test_each_set_has_a_folder_and_what_cannot_be_drawn_is_told(hook, runner, tmp_path, caplog):
    visualizer = hook._visualizer
    with caplog.at_level(logging.INFO):
        visualizer.dataset_meta = dict(classes=('RBC',), palette=[(0, 0, 255)])
        boxes = InstanceData(
            bboxes=torch.tensor([[5.0, 5, 20, 20]]), labels=torch.tensor([0]), scores=torch.ones(1)
        )
        draw(hook, runner, 'det', pred_instances=boxes)
        visualizer.dataset_meta = {}
        draw(hook, runner, 'seg', pred_sem_seg=half(slice(20)))
        for _ in range(2):
            draw(hook, runner, 'cls', pred_label=torch.tensor([0]))
    folder = tmp_path / 'now' / 'pictures'
    pictures = {path.parent.name: cv2.imread(str(path)) for path in folder.glob('*/cell.png')}
    assert set(pictures) == {'det', 'seg'}
    assert (pictures['seg'][5, -5] != pictures['seg'][35, -5]).any()  # foreground and background
    assert caplog.text.count('data set cls: the visualizer draws none of some predictions') == 1


def test_several_masks_of_one_image_do_not_replace_one_another(hook, runner, tmp_path):
    hook._visualizer.dataset_meta = {}
    for rows in (slice(20), slice(20, 40)):
        draw(hook, runner, 'seg', pred_sem_seg=half(rows))
    draw(hook, runner, 'other', pred_sem_seg=half(slice(20)))
    folder = tmp_path / 'now' / 'pictures'
    found = {str(path.relative_to(folder)): cv2.imread(str(path)) for path in folder.rglob('*.png')}
    assert set(found) == {'seg/cell.png', 'seg/2/cell.png', 'other/cell.png'}
    assert (found['seg/cell.png'] == found['other/cell.png']).all()
    assert (found['seg/cell.png'] != found['seg/2/cell.png']).any()
    assert hook.test_out_dir == 'pictures'


def test_nothing_is_drawn_by_default(image):
    SetVisualizationHook().after_test_iter(SimpleNamespace(), 0, {}, [DetDataSample()])
