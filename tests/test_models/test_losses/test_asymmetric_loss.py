"""Asymmetric loss against a computation by hand in float64."""

import math

import pytest
import torch

from unihema_mm.models import AsymmetricLoss
from unihema_mm.registry import MODELS

REDUCTIONS = pytest.mark.parametrize(
    ('gamma_neg', 'gamma_pos', 'clip'), [(4, 1, 0.08), (4, 0, 0), (2.5, 0.5, 0.2)]
)


@pytest.fixture
def logits():
    return 4 * torch.randn(7, 3, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def labels():
    return torch.tensor([0, 2, -1, 1, 1, -1, 2])


def row_loss(values, label, gamma_neg=4.0, gamma_pos=1.0, clip=0.08):
    """Loss of one row in double precision, written as in the paper."""
    if label < 0:
        return 0.0
    total = 0.0
    for index, value in enumerate(values):
        p = 1 / (1 + math.exp(-value))
        if index == label:
            total -= (1 - p) ** gamma_pos * math.log(p)
        else:
            shifted = max(p - clip, 0)
            total -= shifted**gamma_neg * math.log(1 - shifted)
    return total


@REDUCTIONS
def test_equals_the_paper(logits, labels, gamma_neg, gamma_pos, clip):
    loss = AsymmetricLoss(gamma_neg, gamma_pos, clip, reduction='none')(logits, labels)
    rows = zip(logits.tolist(), labels.tolist(), strict=True)
    expected = [row_loss(values, label, gamma_neg, gamma_pos, clip) for values, label in rows]
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss.double(), torch.tensor(expected).double(), rtol=1e-6, atol=1e-6)


def test_known_value():
    """p = 1/2 for all: 0.5 ln 2 for the label, and 0.42^4 times -ln 0.58 for each of two others."""
    loss = AsymmetricLoss()(torch.zeros(1, 3), torch.tensor([1]))
    assert loss.item() == pytest.approx(0.5 * math.log(2) - 2 * 0.42**4 * math.log(0.58), rel=1e-6)


def test_equals_mmpretrain(logits):
    """mmpretrain's class reads the same one-hot targets."""
    losses = pytest.importorskip('mmpretrain.models.losses')
    labels = torch.tensor([0, 2, 0, 1, 1, 2, 2])
    other = losses.AsymmetricLoss(gamma_pos=1.0, gamma_neg=4.0, clip=0.08, reduction='sum')(logits, labels)
    torch.testing.assert_close(AsymmetricLoss(reduction='sum')(logits, labels), other)


@REDUCTIONS
def test_gradient(logits, labels, gamma_neg, gamma_pos, clip):
    """Against central differences of the computation by hand."""
    logits.requires_grad_()
    AsymmetricLoss(gamma_neg, gamma_pos, clip, reduction='sum')(logits, labels).backward()
    step, numeric = 1e-5, torch.zeros(7, 3)
    for row, label in enumerate(labels.tolist()):
        for column in range(3):
            sides = []
            for sign in (1, -1):
                values = logits[row].tolist()
                values[column] += sign * step
                sides.append(row_loss(values, label, gamma_neg, gamma_pos, clip))
            numeric[row, column] = (sides[0] - sides[1]) / (2 * step)
    torch.testing.assert_close(logits.grad, numeric, rtol=1e-4, atol=1e-5)


def test_reductions(logits, labels):
    rows = AsymmetricLoss(reduction='none')(logits, labels)
    loss = AsymmetricLoss(loss_weight=2.0)
    torch.testing.assert_close(loss(logits, labels), 2 * rows.sum() / 5)  # two labels are missing
    torch.testing.assert_close(loss(logits, labels, avg_factor=10), rows.sum() / 5)
    torch.testing.assert_close(loss(logits, labels, reduction_override='sum'), 2 * rows.sum())
    weight = torch.tensor([0.0, 1, 1, 2, 0, 1, 0])
    weighted = loss(logits, labels, weight=weight, reduction_override='none')
    torch.testing.assert_close(weighted, 2 * weight * rows)


def test_missing_rows_change_nothing(logits, labels):
    known = labels >= 0
    loss = AsymmetricLoss()
    torch.testing.assert_close(loss(logits, labels), loss(logits[known], labels[known]))
    logits.requires_grad_()
    loss(logits, labels).backward()
    assert torch.equal(logits.grad[~known], torch.zeros(2, 3))
    assert (logits.grad[known] != 0).any(dim=1).all()


@pytest.mark.parametrize('rows', [0, 4])
@pytest.mark.parametrize('reduction', ['mean', 'sum'])
def test_no_label_at_all(rows, reduction):
    logits = torch.randn(rows, 3, requires_grad=True)
    loss = AsymmetricLoss(reduction=reduction)(logits, torch.full((rows,), -1))
    loss.backward()
    assert loss == 0
    assert torch.equal(logits.grad, torch.zeros(rows, 3))


@pytest.mark.parametrize('clip', [0, 0.08])
@pytest.mark.parametrize('value', [50.0, 200.0, 1e4, 1e30])
def test_large_logits_stay_finite(value, clip):
    logits = torch.tensor([[value, -value], [value, -value], [-value, -value]], requires_grad=True)
    loss = AsymmetricLoss(gamma_pos=0.5, clip=clip, reduction='none')(logits, torch.tensor([0, 1, 1]))
    loss.sum().backward()
    assert loss.isfinite().all() and logits.grad.isfinite().all()
    assert loss[0] < 1e-5  # right and sure
    assert loss[1] >= value  # wrong and sure


def test_easy_negatives_cost_nothing():
    """Below the clip a negative has neither loss nor gradient."""
    logits = torch.tensor([[30.0, -3.0]], requires_grad=True)  # sigmoid(-3) = 0.047
    loss = AsymmetricLoss()(logits, torch.tensor([0]))
    loss.backward()
    assert loss < 1e-6 and logits.grad[0, 1] == 0


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_float32_under_autocast_and_from_half(logits, labels, dtype):
    loss = AsymmetricLoss()
    half = logits.to(dtype)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        actual = loss(half, labels)
    assert actual.dtype == torch.float32
    assert torch.equal(actual, loss(half.float(), labels))


def test_registered(logits, labels):
    built = MODELS.build(dict(type='unihema_mm.AsymmetricLoss', loss_weight=2.0))
    torch.testing.assert_close(built(logits, labels), 2 * AsymmetricLoss()(logits, labels))


@pytest.mark.parametrize(
    ('argument', 'value'),
    [
        ('gamma_neg', 0.5),
        ('gamma_neg', -1),
        ('gamma_pos', -1),
        ('clip', 1.0),
        ('clip', -0.1),
        ('reduction', 'avg'),
    ],
)
def test_arguments_out_of_range(argument, value):
    with pytest.raises(ValueError, match=argument):
        AsymmetricLoss(**{argument: value})
