"""Box head: small images and bad numbers."""

import pytest
import torch
from mmdet.models import DINOHead
from mmengine.structures import InstanceData

from unihema_mm.registry import MODELS
from unihema_mm.utils.errors import InputError


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


@pytest.mark.parametrize('eps', [1e-5, 1e-3])
def test_reference_boxes_are_kept_from_their_limits(build_model, eps):
    head = build_model().bbox_head
    head.reference_eps = eps
    references = [
        torch.rand(1, 5, 4),
        torch.tensor([0.0, 1.0, 5e-4, 0.5]).expand(1, 5, 4),
        *torch.rand(2, 1, 5, 4),
    ]
    states = torch.randn(3, 1, 5, 128)
    logits, boxes = head(states, references)
    expected_logits, expected_boxes = DINOHead.forward(head, states, references)
    assert torch.equal(logits, expected_logits)
    assert torch.equal(boxes[0], expected_boxes[0])
    assert torch.equal(boxes[1], expected_boxes[1]) is (eps == 1e-5)
    limits = (references[1].clamp(min=eps) / (1 - references[1]).clamp(min=eps)).log()
    torch.testing.assert_close(boxes[1], (head.reg_branches[1](states[1]) + limits).sigmoid())


def box_losses(head, annotated):
    """Losses of two images with an object each, and the logits of layers and proposals."""
    torch.manual_seed(0)
    logits = torch.randn(3, 2, 14, 3, requires_grad=True)
    proposals = torch.randn(2, 10, 3, requires_grad=True)
    objects = [
        InstanceData(bboxes=torch.tensor([[1.0, 1.0, 9.0, 9.0]]), labels=torch.tensor([label]))
        for label in (0, 2)
    ]
    metas = [dict(img_shape=(64, 64), **extra) for extra in annotated]
    boxes = torch.rand(3, 2, 14, 4), torch.rand(2, 10, 4)
    dn_meta = dict(num_denoising_queries=4, num_denoising_groups=2)
    losses = head.loss_by_feat(logits, boxes[0], proposals, boxes[1], objects, metas, dn_meta)
    return losses, logits, proposals


def test_classes_that_are_not_annotated_get_no_gradient(head):
    losses, *logits = box_losses(head, [dict(annotated=(0, 1)), {}])
    sum(losses.values()).backward()
    for scores in logits:
        gradient = scores.grad.abs().view(-1, 2, scores.shape[-2], 3).amax(dim=(0, 2))  # images, classes
        assert (gradient > 0).tolist() == [[True, True, False], [True, True, True]]


def test_queries_without_object_get_no_gradient_where_images_are_labelled_in_part(head):
    losses, *logits = box_losses(head, [dict(partly_labelled=True), {}])
    sum(losses.values()).backward()
    for scores in logits:
        queries = scores.grad.abs().view(-1, 2, *scores.shape[-2:]).amax(dim=3)  # layers, images, queries
        touched = (queries > 0).sum(dim=2)
        # One object: matched once among the proposals, and beside one denoising query of each group.
        assert (touched[:, 0] == (1 if scores.dim() == 3 else 3)).all()
        assert (touched[:, 1] == scores.shape[-2]).all()


def test_ignoring_can_be_switched_off(head):
    expected, *_ = box_losses(head, [{}, {}])
    head.ignore_unannotated = False
    losses, *_ = box_losses(head, [dict(annotated=(0, 1), partly_labelled=True), {}])
    for name, value in expected.items():
        assert torch.equal(losses[name], value), name


def test_all_classes_annotated_is_the_loss_of_dino(head, monkeypatch):
    losses, *_ = box_losses(head, [dict(annotated=(0, 1, 2)), {}])
    for name in ('_get_targets_single', '_get_dn_targets_single'):
        monkeypatch.setattr(type(head), name, getattr(DINOHead, name))
    expected, *_ = box_losses(head, [{}, {}])
    assert losses.keys() == expected.keys()
    for name, value in expected.items():
        assert torch.equal(losses[name], value), name


def test_another_loss_cannot_ignore_classes(head):
    head.loss_cls = MODELS.build(dict(type='mmdet.CrossEntropyLoss'))
    with pytest.raises(InputError, match='not all of its cells are annotated, and CrossEntropyLoss'):
        box_losses(head, [dict(annotated=(0, 2)), {}])
