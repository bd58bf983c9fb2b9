"""Cross-modal fusion."""

import pytest
import torch
from torch.nn import functional as F

from unihema_mm.models import CrossModalFusion
from unihema_mm.registry import MODELS

RELEASED = dict(num_layers=2, order=('image', 'text'), ffn_dims=48, text_residual=True)
FORMS = pytest.mark.parametrize('form', [{}, RELEASED], ids=['paper', 'released'])


def build(seed=0, **changes):
    torch.manual_seed(seed)
    cfg = dict(embed_dims=32, text_dims=40, image_dims=24, num_queries=6, num_heads=4)
    return MODELS.build(dict(type='unihema_mm.CrossModalFusion', **{**cfg, **changes}))


def inputs(batch=2, text=6, image=11):
    generator = torch.Generator().manual_seed(1)
    return (
        torch.randn(batch, text, 40, generator=generator),
        torch.randn(batch, image, 24, generator=generator),
    )


def with_padding(tokens, count, value):
    """Append ``count`` tokens of ``value``; return tokens and padding mask."""
    padded = F.pad(tokens, (0, 0, 0, count), value=value)
    padding = torch.zeros(padded.shape[:2], dtype=torch.bool)
    padding[:, tokens.size(1) :] = True
    return padded, padding


def attend(attention, queries, tokens):
    """Multi-head attention written out."""
    heads = attention.num_heads
    q, k, v = (
        (rows @ weight.T + bias).unflatten(-1, (heads, -1)).transpose(1, 2)
        for rows, weight, bias in zip(
            (queries, tokens, tokens),
            attention.in_proj_weight.chunk(3),
            attention.in_proj_bias.chunk(3),
            strict=True,
        )
    )
    mixed = (q @ k.transpose(-1, -2) / q.size(-1) ** 0.5).softmax(-1) @ v
    return mixed.transpose(1, 2).flatten(2) @ attention.out_proj.weight.T + attention.out_proj.bias


def norm(layer, x):
    centred = x - x.mean(-1, keepdim=True)
    return centred / (centred.square().mean(-1, keepdim=True) + layer.eps).sqrt() * layer.weight + layer.bias


def test_paper_form_matches_the_equation_in_float64():
    module = build().double()
    text, image = (tokens.double() for tokens in inputs(text=9))
    layer = module.layers[0]
    tokens = text @ module.text_proj.weight.T + module.text_proj.bias
    pixels = image @ module.image_proj.weight.T + module.image_proj.bias
    queries = module.queries.expand(2, -1, -1)
    joint = norm(layer.norms['text'], queries + attend(layer.attentions['text'], queries, tokens))
    fused = norm(layer.norms['image'], joint + attend(layer.attentions['image'], joint, pixels))
    expected = fused @ module.out_proj.weight.T + module.out_proj.bias
    torch.testing.assert_close(module(text, image), expected)


def test_released_form_matches_its_description_in_float64():
    module = build(**RELEASED).double()
    text, image = (tokens.double() for tokens in inputs())
    tokens, pixels = module.text_proj(text), module.image_proj(image)
    state = module.queries.expand(2, -1, -1)
    for layer in module.layers:
        state = norm(layer.norms['image'], state + attend(layer.attentions['image'], state, pixels))
        state = norm(layer.norms['text'], state + attend(layer.attentions['text'], state, tokens))
        hidden = layer.ffn[0](state)
        hidden = hidden * 0.5 * (1 + torch.erf(hidden / 2**0.5))
        state = norm(layer.ffn_norm, state + layer.ffn[2](hidden))
    torch.testing.assert_close(module(text, image), module.out_proj(state) + text)


def test_default_is_the_paper_and_its_size():
    """64 slots of T5-base's width; the released form has 2,583,296 parameters."""
    module = CrossModalFusion()
    assert [layer.order for layer in module.layers] == [('text', 'image')]
    assert module(torch.randn(1, 3, 768), torch.randn(1, 5, 256)).shape == (1, 64, 768)
    released = CrossModalFusion(num_layers=2, order=('image', 'text'), ffn_dims=1024, text_residual=True)
    assert sum(value.numel() for value in released.parameters()) == 2_583_296


def test_order_matters_but_not_for_the_names():
    first, second = build(), build(order=('image', 'text'))
    second.load_state_dict(first.state_dict())
    assert not torch.allclose(first(*inputs()), second(*inputs()))


@pytest.mark.parametrize('length', [1, 3, 20])
def test_any_text_length_without_the_residual(length):
    assert build()(*inputs(text=length)).shape == (2, 6, 40)


def test_padding_of_text_and_image_is_neutral():
    module = build(num_layers=2, ffn_dims=48)
    text, image = inputs()
    long_text, text_padding = with_padding(text, 3, 9.0)
    long_image, image_padding = with_padding(image, 5, -7.0)
    expected = module(text, image)
    torch.testing.assert_close(module(long_text, long_image, text_padding, image_padding), expected)
    assert not torch.allclose(module(long_text, long_image, None, image_padding), expected)
    assert not torch.allclose(module(long_text, long_image, text_padding, None), expected)


def test_released_form_attends_to_padding_and_passes_its_mask_on():
    text, image = inputs()
    text_padding, image_padding = torch.zeros(2, 6, dtype=torch.bool), torch.zeros(2, 11, dtype=torch.bool)
    text_padding[:, 4:] = image_padding[:, 7:] = True
    released, paper = build(**RELEASED, attend_padding=True), build(**RELEASED)
    actual = released(text, image, text_padding, image_padding)
    torch.testing.assert_close(actual, paper(text, image))
    assert not torch.allclose(actual, paper(text, image, text_padding, image_padding))
    assert released.output_padding(text_padding) is text_padding
    assert build().output_padding(text_padding) is None


def test_padding_mask_of_the_released_form():
    """Its residual copies padding text, but the attention leaves it out."""
    module = build(**RELEASED)
    text, image = inputs()
    padding = torch.zeros(2, 6, dtype=torch.bool)
    padding[:, 4:] = True
    other = text.clone()
    other[padding] = 3.0
    torch.testing.assert_close(
        module(text, image, padding) - text, module(other, image, padding) - other, atol=1e-5, rtol=0
    )


@FORMS
def test_single_valid_tokens(form):
    module = build(**{**form, 'text_residual': False})
    text, image = inputs()
    text_padding, image_padding = torch.ones(2, 6, dtype=torch.bool), torch.ones(2, 11, dtype=torch.bool)
    text_padding[:, 0] = image_padding[:, 3] = False
    fused = module(text, image, text_padding, image_padding)
    torch.testing.assert_close(fused, module(text[:, :1], image[:, 3:4]))
    assert torch.isfinite(fused).all()


@FORMS
def test_batch_rows_are_independent(form):
    module = build(**form)
    text, image = inputs(batch=3)
    fused = module(text, image)
    order = [2, 0, 1]
    torch.testing.assert_close(module(text[order], image[order]), fused[order])
    torch.testing.assert_close(module(text[1:2], image[1:2]), fused[1:2])


def test_output_depends_on_text_and_image():
    module = build()
    text, image = inputs()
    fused = module(text, image)
    assert not torch.allclose(module(text, image + 1), fused)
    assert not torch.allclose(module(text + 1, image), fused)


def test_initial_output_depends_on_the_image_noticeably():
    """Another image moves the output more than it does with torch's own matrices."""
    module = build(embed_dims=128, text_dims=40, image_dims=24, num_queries=16)
    text, image = inputs()

    @torch.no_grad()
    def change():
        fused, other = module(text, image), module(text, image.flip(0))
        return (fused - other).square().mean() / fused.square().mean()

    before = change()
    module.init_weights()
    assert change() > 2 * before


def test_initialisation_of_the_config_wins():
    module = build(init_cfg=dict(type='Constant', layer='Linear', val=0.5))
    module.init_weights()
    assert (module.image_proj.weight == 0.5).all()
    assert module.queries.std() < 0.5  # Xavier, (6, 32)


@FORMS
def test_gradient_reaches_every_parameter(form):
    module = build(**form)
    module(*inputs()).square().mean().backward()
    for name, value in module.named_parameters():
        assert value.grad is not None and value.grad.abs().sum() > 0, name


@pytest.mark.parametrize('order', [('text',), ('text', 'text'), ('text', 'audio'), 'text'])
def test_bad_order_is_named(order):
    with pytest.raises(ValueError, match=r"order must hold 'text' and 'image' once each, got .*t"):
        build(order=order)


def test_no_layers_is_an_error():
    with pytest.raises(ValueError, match='num_layers must be at least 1, got 0'):
        build(num_layers=0)


def test_residual_names_the_length_it_needs():
    with pytest.raises(ValueError, match='pad or cut the text to num_queries=6 tokens, got 5'):
        build(**RELEASED)(*inputs(text=5))


@FORMS
@pytest.mark.parametrize('owners', [[0, 0, 1, 0, 2], [2, 1, 0], [1]])
def test_texts_that_share_an_image_equal_texts_with_copies_of_it(form, owners):
    fusion = build(**form)
    owners = torch.tensor(owners)
    text, _ = inputs(batch=len(owners))
    _, image = inputs(batch=3)
    image, padding = with_padding(image, 2, 1e3)
    shared = fusion(text, image, image_padding=padding, owners=owners)
    copied = fusion(text, image[owners], image_padding=padding[owners])
    torch.testing.assert_close(shared, copied, atol=1e-5, rtol=1e-5)
