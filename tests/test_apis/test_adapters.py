"""Results for supervision and mmdet."""

import numpy as np
import pytest
import torch

from unihema_mm.apis.adapters import to_data_sample, to_supervision
from unihema_mm.structures.results import Answer, Cell, CellMask, ImageResult
from unihema_mm.utils.errors import InputError


def make_result(**changes) -> ImageResult:
    cells = (
        Cell(
            (1.0, 2.0, 5.0, 6.0),
            'WBC',
            1,
            0.9,
            {'size': 'big'},
            {'size': 0.5},
            CellMask(1, 2, np.ones((4, 4), bool)),
        ),
        Cell((0.0, 0.0, 3.0, 3.0), 'RBC', 0, 0.4),
    )
    fields = dict(
        name='a', path=None, width=10, height=8, tasks=('det',), classes=('RBC', 'WBC'), cells=cells
    )
    return ImageResult(**{**fields, **changes})


def test_supervision():
    pytest.importorskip('supervision')
    found = to_supervision(make_result())
    assert found.xyxy.tolist() == [[1, 2, 5, 6], [0, 0, 3, 3]] and found.class_id.tolist() == [1, 0]
    assert found.data['class_name'].tolist() == ['WBC', 'RBC'] and found.data['size'].tolist() == ['big', '']
    assert found.mask.sum(axis=(1, 2)).tolist() == [16, 0] and found.mask[0, 2:6, 1:5].all()
    assert len(found[found.confidence > 0.5]) == 1
    assert len(to_supervision(make_result(cells=()))) == 0
    with pytest.raises(InputError, match='has no cells'):
        to_supervision(make_result(cells=None))


def test_data_sample():
    mask = np.eye(8, 10, dtype=np.uint8)
    sample = to_data_sample(make_result(mask=mask, answers=(Answer('Why?', 'So.'),)))
    assert sample.pred_instances.labels.tolist() == [1, 0]
    assert sample.pred_instances.masks.shape == (2, 8, 10) and sample.pred_instances.masks.dtype == torch.bool
    assert sample.pred_sem_seg.sem_seg.shape == (1, 8, 10) and sample.pred_answers == ['So.']
    assert sample.ori_shape == (8, 10)
    empty = to_data_sample(make_result(cells=()))
    assert empty.pred_instances.bboxes.shape == (0, 4) and len(empty.pred_instances) == 0
    assert 'pred_instances' not in to_data_sample(make_result(cells=None))
