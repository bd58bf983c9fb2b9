"""Nested masks as maps of classes, and their metric."""

import json

import cv2
import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from unihema_mm.baselines import LoadNestedMasks, NestedMaskDataset, NestedMaskMetric
from unihema_mm.evaluation.metrics import BinaryMaskMetric
from unihema_mm.utils.errors import InputError


@pytest.fixture
def nested(tmp_path):
    """Callable (outer mask, inner mask) -> record of an image with both."""

    def make(outer, inner):
        for name, mask in (('outer', outer), ('inner', inner)):
            cv2.imwrite(str(tmp_path / f'{name}.png'), np.asarray(mask, np.uint8) * 255)
        height, width = np.shape(outer)
        cv2.imwrite(str(tmp_path / 'image.png'), np.zeros((height, width, 3), np.uint8))
        image = dict(
            id=1,
            file_name='image.png',
            width=width,
            height=height,
            tasks=['seg'],
            masks=[
                {'prompt': 'white blood cell', 'file': 'outer.png'},
                {'prompt': 'nucleus', 'file': 'inner.png'},
            ],
        )
        info = dict(schema_version='1.0', dataset='x', split='train', licence='none')
        document = dict(info=info, images=[image], annotations=[], categories=[])
        (tmp_path / 'train.json').write_text(json.dumps(document))
        dataset = NestedMaskDataset(
            data_root=str(tmp_path), ann_file='train.json', prompt_template='{prompt}'
        )
        assert len(dataset) == 1
        return dataset.get_data_info(0)

    return make


def test_pixels_are_numbered_by_depth(nested):
    record = LoadNestedMasks()(nested([[1, 1, 0], [1, 0, 0]], [[1, 0, 0], [0, 0, 0]]))
    assert record['gt_seg_map'].tolist() == [[2, 1, 0], [1, 0, 0]]
    assert record['gt_seg_map'].dtype == np.uint8
    assert record['texts'] == ['white blood cell', 'nucleus']


def test_inner_mask_outside_the_outer(nested):
    with pytest.raises(InputError, match=r'masks\[1\]: 2 pixels are outside the mask before'):
        LoadNestedMasks()(nested([[1, 0, 0]], [[1, 1, 1]]))


def test_metric_equals_that_of_each_mask():
    rng = np.random.default_rng(0)
    nested, plain = NestedMaskMetric(by_text=True), BinaryMaskMetric(by_text=True)
    for _ in range(3):
        truth, predicted = rng.integers(0, 3, (2, 1, 5, 7))
        truth[0, 0] = 255
        sample = SegDataSample(metainfo=dict(texts=['cell', 'nucleus']))
        sample.gt_sem_seg = PixelData(data=torch.from_numpy(truth))
        sample.pred_sem_seg = PixelData(data=torch.from_numpy(predicted))
        nested.process(None, [sample.to_dict()])
        for level, text in ((1, 'cell'), (2, 'nucleus')):
            one = np.where(truth == 255, 255, truth >= level)
            plain.process(
                None,
                [
                    dict(
                        text=text, gt_sem_seg=dict(sem_seg=one), pred_sem_seg=dict(sem_seg=predicted >= level)
                    )
                ],
            )
    found = nested.evaluate(3)
    assert found == plain.evaluate(6)
    assert {'seg/dice', 'seg/dice_cell', 'seg/iou_nucleus'} <= found.keys()
