"""Attributes of cells from object queries."""

import pytest
import torch
from mmengine.registry import init_default_scope

from unihema_mm.models import AsymmetricLoss, CellAttributeHead
from unihema_mm.registry import MODELS

SCHEMA = {'size': ['small', 'big'], 'colour': ['pink', 'red', 'nil']}
# Two images of 3 and 2 objects; two decoder layers match them differently.
LABELS = [torch.tensor([[0, 2], [1, -1], [-1, -1]]), torch.tensor([[1, 0], [0, 1]])]
MATCHES = [
    [(torch.tensor([1, 4, 6]), torch.tensor([2, 0, 1])), (torch.tensor([0, 3]), torch.tensor([1, 0]))],
    [(torch.tensor([0, 1, 2]), torch.tensor([0, 1, 2])), (torch.tensor([5, 6]), torch.tensor([0, 1]))],
]


@pytest.fixture
def make_head():
    init_default_scope('unihema_mm')

    def make(seed=0, **changes):
        torch.manual_seed(seed)
        return MODELS.build(dict(type='CellAttributeHead', schema=SCHEMA, embed_dims=8, **changes))

    return make


@pytest.fixture
def states():
    return torch.randn(2, 2, 7, 8, generator=torch.Generator().manual_seed(1)).requires_grad_()


def expected_losses(head, states, loss):
    """Object by object and attribute by attribute."""
    totals = []
    for layer, matches in zip(states, MATCHES, strict=True):
        total = 0
        for image, (query, chosen) in enumerate(matches):
            for q, g in zip(query, chosen, strict=True):
                logits = head.fc(layer[image, q])[None]
                for part, label in zip((logits[:, :2], logits[:, 2:]), LABELS[image][g], strict=True):
                    if label >= 0:
                        total = total + loss(part, label[None])
        totals.append(total)
    return totals


def test_default_is_the_released_layout():
    head = CellAttributeHead()
    assert {name: tuple(value.shape) for name, value in head.named_parameters()} == {
        'fc.weight': (12, 256),
        'fc.bias': (12,),
    }
    assert head.schema.name == 'leukemia_attri'
    loss = head.loss_attribute
    assert (loss.gamma_neg, loss.gamma_pos, loss.clip, loss.loss_weight) == (4, 1, 0.08, 2)


def test_schemas_by_name():
    assert CellAttributeHead('wbcatt').fc.out_features == 31
    assert CellAttributeHead(['leukemia_attri', 'wbcatt']).fc.out_features == 43


@pytest.mark.parametrize(
    ('cfg', 'loss'),
    [
        (None, AsymmetricLoss(loss_weight=2.0, reduction='sum')),
        (dict(type='AsymmetricLoss', gamma_pos=0, clip=0), AsymmetricLoss(4, 0, 0, 'sum')),
        (
            dict(type='mmdet.CrossEntropyLoss', loss_weight=0.5),
            lambda *a: 0.5 * torch.nn.functional.cross_entropy(*a),
        ),
    ],
    ids=['default', 'asymmetric', 'cross_entropy'],
)
def test_loss_is_the_sum_over_attributes_by_the_number_of_objects(make_head, states, cfg, loss):
    head = make_head(loss_attribute=cfg)
    losses = head.loss(states, MATCHES, LABELS)
    assert list(losses) == ['d0.loss_attribute', 'loss_attribute']
    for actual, expected in zip(losses.values(), expected_losses(head, states, loss), strict=True):
        torch.testing.assert_close(actual, expected / 5)


def test_given_avg_factor(make_head, states):
    head = make_head()
    default, given = head.loss(states, MATCHES, LABELS), head.loss(states, MATCHES, LABELS, avg_factor=10)
    torch.testing.assert_close(given['loss_attribute'], default['loss_attribute'] / 2)


def test_only_annotated_objects_get_gradients(make_head, states):
    """Matched queries of annotated objects, on every layer, and no others."""
    sum(make_head().loss(states, MATCHES, LABELS).values()).backward()
    reached = (states.grad != 0).any(dim=-1).nonzero().tolist()
    # Object 2 of image 0 has no annotation: query 1 of layer 0 and query 2 of layer 1 stay out.
    assert reached == [[0, 0, 4], [0, 0, 6], [0, 1, 0], [0, 1, 3], [1, 0, 0], [1, 0, 1], [1, 1, 5], [1, 1, 6]]


def test_gradient_reaches_every_parameter(make_head, states):
    head = make_head()
    sum(head.loss(states, MATCHES, LABELS).values()).backward()
    assert (head.fc.bias.grad != 0).all()
    assert (head.fc.weight.grad != 0).all()


NOBODY = [(torch.zeros(0, dtype=torch.long),) * 2] * 2


@pytest.mark.parametrize('loss_cfg', [None, dict(type='mmdet.CrossEntropyLoss')], ids=['asymmetric', 'ce'])
@pytest.mark.parametrize(
    ('matches', 'labels'),
    [
        (MATCHES, [torch.full((3, 2), -1), torch.full((2, 2), -1)]),
        ([NOBODY, NOBODY], [torch.zeros(0, 2, dtype=torch.long)] * 2),
    ],
    ids=['not annotated', 'no objects'],
)
def test_absent_attributes_leave_all_gradients_exactly_zero(make_head, states, matches, labels, loss_cfg):
    head = make_head(loss_attribute=loss_cfg)
    losses = head.loss(states, matches, labels)
    assert list(losses) == ['d0.loss_attribute', 'loss_attribute']
    assert all(loss == 0 for loss in losses.values())
    sum(losses.values()).backward()
    for tensor in (states, *head.parameters()):
        assert torch.equal(tensor.grad, torch.zeros_like(tensor))


def test_unannotated_image_adds_nothing_to_the_sum(make_head, states):
    """An image without attributes counts in the divisor alone."""
    head = make_head()
    labels = [LABELS[0], torch.full((2, 2), -1)]
    both = head.loss(states, MATCHES, labels, avg_factor=3)
    alone = head.loss(states[:, :1], [layer[:1] for layer in MATCHES], labels[:1], avg_factor=3)
    for name, value in both.items():
        torch.testing.assert_close(value, alone[name])


def test_permuting_the_batch_changes_nothing(make_head, states):
    head = make_head()
    forward = head.loss(states, MATCHES, LABELS)
    backward = head.loss(states.flip(1), [layer[::-1] for layer in MATCHES], LABELS[::-1])
    for name, value in forward.items():
        torch.testing.assert_close(backward[name], value)


def test_predict(make_head, states):
    head = make_head()
    probabilities, labels = head.predict(states[-1])
    assert [part.shape for part in probabilities] == [(2, 7, 2), (2, 7, 3)]
    assert labels.shape == (2, 7, 2) and labels.dtype == torch.int64
    logits = head(states[-1])
    torch.testing.assert_close(probabilities[1], logits[..., 2:].softmax(-1))
    for index, part in enumerate(probabilities):
        torch.testing.assert_close(part.sum(-1), torch.ones(2, 7))
        assert torch.equal(part.argmax(-1), labels[..., index])
    assert head.schema.decode(labels[0, 3]) == head.schema.decode(logits[0, 3])


def test_float32_under_autocast(make_head, states):
    head = make_head()
    with torch.autocast('cpu', dtype=torch.bfloat16):
        probabilities, _ = head.predict(states[-1])
        losses = head.loss(states, MATCHES, LABELS)
    assert {tensor.dtype for tensor in (*probabilities, *losses.values())} == {torch.float32}
    for name, value in head.loss(states, MATCHES, LABELS).items():
        torch.testing.assert_close(losses[name], value, rtol=0.05, atol=0.01)


@pytest.mark.parametrize('loss_cfg', [None, dict(type='mmdet.CrossEntropyLoss')], ids=['asymmetric', 'ce'])
def test_learns_attributes(make_head, states, loss_cfg):
    head = make_head(loss_attribute=loss_cfg)
    optimizer = torch.optim.Adam(head.parameters(), lr=0.1)
    fixed = states.detach()
    for _ in range(150):
        optimizer.zero_grad()
        head.loss(fixed[1:], MATCHES[1:], LABELS)['loss_attribute'].backward()
        optimizer.step()
    _, labels = head.predict(fixed[1])
    for image, (query, chosen) in enumerate(MATCHES[1]):
        truth = LABELS[image][chosen]
        known = truth >= 0
        assert torch.equal(labels[image, query][known], truth[known])


def test_labels_of_another_schema(make_head, states):
    with pytest.raises(ValueError, match=r'\(3, 11\) do not fit the 2 attributes of attributes'):
        make_head().loss(states, MATCHES, [torch.zeros(3, 11, dtype=torch.long)] * 2)
