"""Pictures of data samples."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from mmdet.structures import DetDataSample
from mmdet.structures.bbox import HorizontalBoxes
from mmdet.structures.mask import BitmapMasks
from mmengine.structures import InstanceData, PixelData
from mmengine.visualization import LocalVisBackend

from unihema_mm.registry import VISUALIZERS
from unihema_mm.visualization import class_colours
from unihema_mm.visualization.sample_results import annotated_result, meta_for_pictures, predicted_result

META = dict(classes=('RBC', 'WBC'), attributes={'cell_size': ('small', 'big')})
SHAPE = (480, 640)


@pytest.fixture
def visualizer(tmp_path):
    config = dict(
        type='SmearVisualizer',
        name=tmp_path.name,
        vis_backends=[dict(type='LocalVisBackend')],
        save_dir=str(tmp_path),
    )
    visualizer = VISUALIZERS.build(config)
    visualizer.dataset_meta = META
    return visualizer


def image():
    return np.full((*SHAPE, 3), 200, np.uint8)


def sample(**fields):
    made = DetDataSample(metainfo=dict(ori_shape=SHAPE, img_path='a/field.png', text='Malaria'))
    for key, value in fields.items():
        setattr(made, key, value)
    return made


def detections():
    masks = torch.zeros(3, *SHAPE, dtype=torch.bool)
    masks[0, 110:190, 110:190] = True
    return InstanceData(
        bboxes=torch.tensor([[100.0, 100, 200, 200], [100, 100, 200, 200], [300, 300, 340, 340]]),
        labels=torch.tensor([1, 0, 0]),
        scores=torch.tensor([0.6, 0.9, 0.2]),
        queries=torch.tensor([4, 4, 5]),
        attributes=torch.tensor([[1], [0], [1]]),
        masks=masks,
        mask_scores=torch.ones(3),
    )


def test_a_query_is_one_cell_above_the_threshold_with_mask_and_attributes():
    found = predicted_result(sample(pred_instances=detections()), META, 0.3)
    (cell,) = found.cells
    assert (cell.label, cell.bbox, cell.attributes) == ('RBC', (100, 100, 200, 200), {'cell_size': 'small'})
    assert cell.mask is None  # the empty one
    assert found.prompt == 'Malaria'
    both = predicted_result(sample(pred_instances=detections()), META, 0.0)
    assert [cell.score for cell in both.cells] == pytest.approx([0.9, 0.2])


def test_attributes_are_listed_for_classes_that_the_set_annotates_with_them():
    for annotated, kept in (({'RBC': ['cell_size']}, {'cell_size': 'small'}), ({'WBC': ['cell_size']}, {})):
        dataset = SimpleNamespace(metainfo=META, annotated_attributes=annotated)
        meta = meta_for_pictures(dataset)
        (cell,) = predicted_result(sample(pred_instances=detections()), meta, 0.3).cells
        assert (cell.label, cell.attributes) == ('RBC', kept)
    assert meta_for_pictures(SimpleNamespace(metainfo=META)) == META
    assert meta_for_pictures([]) is None


def test_annotations_in_boxes_and_masks_of_mmdet():
    masks = np.zeros((1, *SHAPE), np.uint8)
    masks[0, 20:30, 40:60] = 1
    truth = InstanceData(
        bboxes=HorizontalBoxes(torch.tensor([[40.0, 20, 60, 30]])),
        labels=torch.tensor([1]),
        masks=BitmapMasks(masks, *SHAPE),
        attributes=torch.tensor([[-1]]),
    )
    (cell,) = annotated_result(sample(gt_instances=truth), META).cells
    assert (cell.label, cell.score, dict(cell.attributes)) == ('WBC', 1.0, {})
    assert (cell.mask.x, cell.mask.y, cell.mask.pixels.shape) == (40, 20, (10, 20))
    assert cell.mask.pixels.all()
    assert annotated_result(sample(), META) is None


def test_other_tasks_are_read_too():
    mask = PixelData(sem_seg=torch.tensor([[[0, 1, 255]]], dtype=torch.uint8))
    assert annotated_result(sample(gt_sem_seg=mask), META).mask.tolist() == [[0, 1, 0]]
    found = predicted_result(
        sample(
            pred_label=torch.tensor([1]),
            pred_scores=torch.tensor([0.25, 0.75]),
            pred_attributes=torch.tensor([1]),
        ),
        META,
    ).cell_class
    assert (found.label, found.score, found.scores) == ('WBC', 0.75, {'RBC': 0.25, 'WBC': 0.75})
    assert found.attributes == {'cell_size': 'big'}
    asked = sample()
    asked.set_metainfo(dict(questions=['Which?'], answers=['RBC'], pred_answers=['WBC']))
    assert predicted_result(asked, {}).answers[0].answer == 'WBC'
    assert annotated_result(asked, {}).answers[0].answer == 'RBC'


def test_the_picture_goes_to_the_backends(visualizer, tmp_path):
    drawn = sample(pred_instances=detections(), gt_instances=detections()[:0])
    visualizer.add_datasample('val_img', image(), drawn, step=7)
    assert isinstance(next(iter(visualizer._vis_backends.values())), LocalVisBackend)
    (file,) = tmp_path.rglob('val_img_7.png')
    picture = cv2.imread(str(file))[..., ::-1]
    box = (picture == np.array(class_colours(['RBC'])['RBC'])).all(-1)
    assert box[100, 640:].any()  # predictions on the right
    assert not box[100, :640].any()  # no annotated cell on the left


def test_a_file_instead_of_the_backends_and_a_sample_without_anything(visualizer, tmp_path):
    file = tmp_path / 'out' / 'one.png'
    visualizer.add_datasample('test_img', image(), sample(), out_file=str(file))
    assert (cv2.imread(str(file)) == 200).all()
    visualizer.add_datasample('test_img', image(), None, out_file=str(file))
    assert not list(tmp_path.rglob('test_img*'))


def test_a_label_without_a_name_is_drawn(visualizer, tmp_path):
    visualizer.dataset_meta = None
    visualizer.add_datasample('x', image(), sample(pred_instances=detections()))
    assert list(tmp_path.rglob('x_0.png'))
