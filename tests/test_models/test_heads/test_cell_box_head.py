"""Box head: small images and bad numbers."""

import pytest
import torch
from mmengine.structures import InstanceData


@pytest.fixture
def head(build_model):
    return build_model().bbox_head


def test_fewer_candidates_than_asked_for(head):
    logits, boxes = torch.randn(4, 3), torch.rand(4, 4)
    meta = dict(img_shape=(64, 64), scale_factor=(1.0, 1.0))
    results = head._predict_by_feat_single(logits, boxes, meta)
    assert len(results) == 12
    torch.testing.assert_close(results.scores, logits.sigmoid().flatten().sort(descending=True).values)
    assert set(results.labels.tolist()) <= {0, 1, 2}


def test_enough_candidates_are_cut_to_the_limit(head):
    results = head._predict_by_feat_single(
        torch.randn(60, 3), torch.rand(60, 4), dict(img_shape=(64, 64), scale_factor=(1.0, 1.0))
    )
    assert len(results) == 100


def test_predictions_that_are_not_finite_name_the_image(head):
    gt = InstanceData(bboxes=torch.tensor([[1.0, 1.0, 9.0, 9.0]]), labels=torch.tensor([0]))
    meta = dict(img_shape=(64, 64), img_path='images/smear_7.jpg')
    logits, boxes = torch.randn(4, 3), torch.rand(4, 4)
    head._get_targets_single(logits, boxes, gt, meta)
    with pytest.raises(FloatingPointError, match=r'images/smear_7\.jpg.*not finite'):
        head._get_targets_single(logits.fill_(float('nan')), boxes, gt, meta)
