"""Classification head of single cells."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from unihema_mm.models import CellClassHead
from unihema_mm.registry import MODELS


@pytest.fixture
def head():
    torch.manual_seed(0)
    cfg = dict(type='unihema_mm.CellClassHead', num_classes=5, embed_dims=16, hidden_dims=(12, 8))
    return MODELS.build(cfg).eval()


@pytest.fixture
def features():
    return torch.randn(4, 16, generator=torch.Generator().manual_seed(1))


def test_default_is_the_released_layout():
    layers = [m for m in CellClassHead().layers.modules() if not isinstance(m, nn.Sequential)]
    assert [(m.in_features, m.out_features) for m in layers if isinstance(m, nn.Linear)] == [
        (256, 256),
        (256, 128),
        (128, 45),
    ]
    assert [m.negative_slope for m in layers if isinstance(m, nn.LeakyReLU)] == [0.01, 0.01]
    assert [m.p for m in layers if isinstance(m, nn.Dropout)] == [0.1, 0.1]


def test_loss_is_the_cross_entropy_of_the_logits(head, features):
    labels = torch.tensor([0, 4, 2, 2])
    expected = -head(features).log_softmax(-1)[range(4), labels].mean()
    torch.testing.assert_close(head.loss(features, labels), expected)


def test_initial_logits_depend_on_the_features(head, features):
    """Features of unit size give logits of about unit size, whatever the depth."""
    torch.manual_seed(0)
    head.init_weights()
    with torch.no_grad():
        logits = head.eval()(torch.randn(64, head.layers[0][0].in_features))
    assert 0.5 < logits.std(dim=0).mean() < 3


def test_probabilities(head, features):
    probabilities = head.predict(features)
    assert probabilities.shape == (4, 5)
    torch.testing.assert_close(probabilities.sum(-1), torch.ones(4))
    torch.testing.assert_close(head.predict(features[2:3]), probabilities[2:3])
    torch.testing.assert_close(head.predict(features[[3, 0]]), probabilities[[3, 0]])


def test_dropout_in_training_only(head, features):
    assert torch.equal(head(features), head(features))
    head.train()
    assert not torch.equal(head(features), head(features))


def test_classes_that_are_not_annotated_take_no_part(head, features):
    """Row 1 comes from a data set of classes 1 and 3 alone."""
    annotated = torch.ones(4, 5, dtype=torch.bool)
    annotated[1] = torch.tensor([False, True, False, True, False])
    labels = torch.tensor([0, 3, 2, 2])
    logits = head(features)
    rows = [F.cross_entropy(logits[i : i + 1], labels[i : i + 1]) for i in (0, 2, 3)]
    rows.append(F.cross_entropy(logits[1:2, [1, 3]], torch.tensor([1])))
    torch.testing.assert_close(head.loss(features, labels, annotated), sum(rows) / 4)
    probabilities = head.predict(features, annotated)
    assert torch.equal(probabilities[1, [0, 2, 4]], torch.zeros(3))
    torch.testing.assert_close(probabilities.sum(-1), torch.ones(4))


def test_classes_that_are_not_annotated_get_no_gradient(head, features):
    annotated = torch.tensor([True, True, False, True, False])
    head.loss(features, torch.tensor([0, 1, 3, 3]), annotated).backward()
    gradient = head.layers[-1].bias.grad
    assert torch.equal(gradient[[2, 4]], torch.zeros(2))
    assert (gradient[[0, 1, 3]] != 0).all()


@pytest.mark.parametrize('batch', [1, 4])
def test_gradient_reaches_every_parameter(head, features, batch):
    head.loss(features[:batch], torch.tensor([0, 1, 2, 3])[:batch]).backward()
    for name, value in head.named_parameters():
        assert value.grad is not None and value.grad.abs().sum() > 0, name


def test_empty_batch_is_a_zero_loss_that_reaches_every_parameter(head):
    loss = head.loss(torch.zeros(0, 16), torch.zeros(0, dtype=torch.long))
    loss.backward()
    assert loss == 0
    assert all(torch.equal(value.grad, torch.zeros_like(value)) for value in head.parameters())


def test_loss_is_configurable(features):
    torch.manual_seed(0)
    cfg = dict(num_classes=5, embed_dims=16, dropout=0.0)
    plain = CellClassHead(**cfg)
    double = CellClassHead(**cfg, loss_cls=dict(type='mmdet.CrossEntropyLoss', loss_weight=2.0))
    double.load_state_dict(plain.state_dict())
    labels = torch.tensor([0, 4, 2, 2])
    torch.testing.assert_close(double.loss(features, labels), 2 * plain.loss(features, labels))


def test_logits_are_float32_under_autocast(head, features):
    with torch.autocast('cpu', dtype=torch.bfloat16):
        assert head(features).dtype == torch.float32
