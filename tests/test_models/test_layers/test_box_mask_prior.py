"""Masks that boxes suggest."""

import pytest
import torch

from unihema_mm.models.layers import BoxMaskPrior

SHAPES = (20, 30), (80, 120), (64, 100)  # map, canvas, image


def test_positive_inside_the_ellipse_only():
    """Against the ellipse in pixels, on a canvas with padding."""
    boxes = torch.tensor([[0.5, 0.25, 0.6, 0.4], [0.1, 0.9, 0.3, 0.5]])
    logits = BoxMaskPrior()(boxes, *SHAPES)
    for box, found in zip((boxes * torch.tensor([100, 64, 100, 64])).tolist(), logits, strict=True):
        cx, cy, width, height = box
        for row in range(20):
            for column in range(30):
                x, y = 4 * column + 2, 4 * row + 2
                distance = ((x - cx) / (width / 2)) ** 2 + ((y - cy) / (height / 2)) ** 2
                assert found[row, column].item() == pytest.approx(4 * max(1 - distance, -2), abs=1e-4)


def test_gradient_reaches_the_sharpness_and_not_the_boxes():
    prior = BoxMaskPrior()
    boxes = torch.tensor([[0.5, 0.5, 0.4, 0.4]], requires_grad=True)
    prior(boxes, *SHAPES).square().mean().backward()
    assert prior.log_sharpness.grad != 0 and boxes.grad is None


def test_degenerate_and_no_boxes():
    prior = BoxMaskPrior()
    assert prior(torch.zeros(0, 4), *SHAPES).shape == (0, 20, 30)
    empty = prior(torch.tensor([[0.5, 0.5, 0.0, 0.0]]), *SHAPES)
    assert empty.isfinite().all() and not (empty > 0).any()
