"""Text-guided visual refinement."""

import pytest
import torch

from unihema_mm.models import TextGuidedVisualRefinement

FUSIONS = pytest.mark.parametrize('fusion', ['concat', 'gate'])


def inputs(batch=2, queries=7, tokens=5, dims=32, text_dims=48):
    generator = torch.Generator().manual_seed(0)
    return (
        torch.randn(batch, queries, dims, generator=generator),
        torch.randn(batch, tokens, text_dims, generator=generator),
    )


def build(fusion, identity_init=True):
    torch.manual_seed(0)
    return TextGuidedVisualRefinement(32, 48, num_heads=4, fusion=fusion, identity_init=identity_init)


@FUSIONS
def test_starts_as_the_identity(fusion):
    queries, text = inputs()
    assert torch.equal(build(fusion)(queries, text), queries)


@FUSIONS
def test_can_leave_the_identity(fusion):
    """A closed start must not be a dead start: two steps change every parameter."""
    module = build(fusion)
    before = {name: value.clone() for name, value in module.named_parameters()}
    optimizer = torch.optim.AdamW(module.parameters(), lr=1e-2, weight_decay=0)
    queries, text = inputs()
    for _ in range(3):
        optimizer.zero_grad()
        (module(queries, text) - 1).square().mean().backward()
        optimizer.step()
    # A softmax does not see a bias that is the same for all keys.
    free = {name for name in before if name != 'attention.in_proj_bias'}
    still = [name for name in free if torch.equal(before[name], module.get_parameter(name))]
    assert not still


@FUSIONS
def test_padding_of_the_text_is_neutral(fusion):
    module = build(fusion, identity_init=False)
    queries, text = inputs()
    padded = torch.cat([text, torch.full((2, 3, 48), 9.0)], dim=1)
    padding = torch.zeros(2, 8, dtype=torch.bool)
    padding[:, 5:] = True
    torch.testing.assert_close(module(queries, padded, padding), module(queries, text))
    module.attend_padding = True  # the released form
    torch.testing.assert_close(module(queries, padded, padding), module(queries, padded))
    assert not torch.allclose(module(queries, padded), module(queries, text))
    assert not torch.allclose(module(queries, padded), module(queries, text))


def test_concat_matches_the_equation_in_float64():
    module = build('concat', identity_init=False).double()
    queries, text = (tensor.double() for tensor in inputs())
    projected = text @ module.text_proj.weight.T + module.text_proj.bias
    weight, bias = module.attention.in_proj_weight, module.attention.in_proj_bias
    q, k, v = (
        (rows @ w.T + b).unflatten(-1, (4, 8)).transpose(1, 2)
        for rows, w, b in zip((queries, projected, projected), weight.chunk(3), bias.chunk(3), strict=True)
    )
    attended = ((q @ k.transpose(-1, -2) / 8**0.5).softmax(-1) @ v).transpose(1, 2).flatten(2)
    attended = attended @ module.attention.out_proj.weight.T + module.attention.out_proj.bias
    proj = module.fusion.proj
    expected = queries + torch.cat([queries, attended], -1) @ proj.weight.T + proj.bias
    torch.testing.assert_close(module(queries, text), expected)


def test_open_gate_mixes_query_and_text():
    """With scale 1 and a gate driven to one, the output is the attended text (released form)."""
    module = build('gate', identity_init=False)
    queries, text = inputs()
    module.fusion.mlp[-1].weight.data.zero_()
    module.fusion.mlp[-1].bias.data.fill_(50)
    projected = module.text_proj(text)
    attended = module.attention(queries, projected, projected)[0]
    torch.testing.assert_close(module(queries, text), attended)


def test_unknown_fusion_is_named():
    with pytest.raises(ValueError, match=r"'concat', 'gate'.*'sum'"):
        TextGuidedVisualRefinement(fusion='sum')
