"""Single-cell feature extraction."""

import pytest
import torch

from unihema_mm.models import SingleCellFeatureExtraction
from unihema_mm.registry import MODELS


def build(**changes):
    torch.manual_seed(0)
    module = MODELS.build(dict(type='unihema_mm.SingleCellFeatureExtraction', embed_dims=16, **changes))
    torch.nn.init.normal_(module.query)
    return module


def tokens(batch=2, count=9, dims=16, seed=1):
    return torch.randn(batch, count, dims, generator=torch.Generator().manual_seed(seed))


def padding_after(valid, total, batch=2):
    return (torch.arange(total) >= valid).expand(batch, -1)


def test_default_shape():
    assert SingleCellFeatureExtraction()(torch.randn(3, 7, 256)).shape == (3, 256)


def test_matches_the_equation_in_float64():
    module = build(backbone_dims=5).double()
    memory, backbone = tokens().double(), tokens(count=4, dims=5, seed=2).double()
    padding, backbone_padding = padding_after(6, 9), padding_after(3, 4)
    expected = torch.stack(
        [
            module.proj.weight @ torch.cat([module.query, sum(rows[:6]) / 6, sum(backbone_rows[:3]) / 3])
            + module.proj.bias
            for rows, backbone_rows in zip(memory, backbone, strict=True)
        ]
    )
    torch.testing.assert_close(module(memory, padding, backbone, backbone_padding), expected)


def test_padding_is_neutral():
    """Even where it holds no number, as an attention over nothing leaves behind."""
    module = build(backbone_dims=5)
    memory, backbone = tokens(), tokens(count=4, dims=5)
    expected = module(memory, None, backbone, None)
    long_memory = torch.cat([memory, torch.full((2, 3, 16), float('nan'))], dim=1)
    long_backbone = torch.cat([backbone, torch.full((2, 2, 5), 1e6)], dim=1)
    actual = module(long_memory, padding_after(9, 12), long_backbone, padding_after(4, 6))
    torch.testing.assert_close(actual, expected)


def test_released_form_averages_padding():
    memory, padding = tokens(), padding_after(6, 9)
    released, paper = build(mean_over_padding=True), build()
    torch.testing.assert_close(released(memory, padding), paper(memory))
    assert not torch.allclose(released(memory, padding), paper(memory, padding))


def test_rows_have_their_own_padding():
    module, memory = build(), tokens()
    padding = torch.stack([padding_after(9, 9)[0], padding_after(1, 9)[0]])
    features = module(memory, padding)
    torch.testing.assert_close(features[:1], module(memory[:1]))
    torch.testing.assert_close(features[1:], module(memory[1:, :1]))


def test_batch_rows_are_independent():
    module, memory = build(), tokens(batch=3)
    features = module(memory)
    torch.testing.assert_close(module(memory[[2, 0, 1]]), features[[2, 0, 1]])
    torch.testing.assert_close(module(memory[1:2]), features[1:2])


def test_backbone_tokens_change_the_feature():
    module, memory = build(backbone_dims=5), tokens()
    backbone = tokens(dims=5)
    assert not torch.allclose(module(memory, None, backbone), module(memory, None, backbone + 1))


@pytest.mark.parametrize('backbone_dims', [None, 5])
def test_gradient_reaches_every_parameter(backbone_dims):
    """Also from the initial state, where the query is zero."""
    module = build(backbone_dims=backbone_dims)
    torch.nn.init.zeros_(module.query)
    backbone = None if backbone_dims is None else tokens(dims=5)
    module(tokens(), padding_after(6, 9), backbone).square().sum().backward()
    for name, value in module.named_parameters():
        assert value.grad is not None and value.grad.abs().sum() > 0, name


def test_image_without_valid_tokens_stays_finite():
    assert torch.isfinite(build()(tokens(), torch.ones(2, 9, dtype=torch.bool))).all()


def test_backbone_tokens_must_go_with_the_module():
    with pytest.raises(ValueError, match='backbone_dims=5, but given no backbone tokens'):
        build(backbone_dims=5)(tokens())
    with pytest.raises(ValueError, match='backbone_dims=None, but given backbone tokens'):
        build()(tokens(), None, tokens(dims=5))
