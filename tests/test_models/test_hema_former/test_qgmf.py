"""Query-guided mask finder, its aggregations and its upsamplers."""

import pytest
import torch
from torch.nn import functional as F

from unihema_mm.models import QueryGuidedMaskFinder
from unihema_mm.registry import MODELS

AGGREGATIONS = ('first', 'mean', 'max', 'attention')
UPSAMPLERS = ('conv', 'bilinear', 'sharp')
every_aggregation = pytest.mark.parametrize('aggregate', AGGREGATIONS)
every_upsampler = pytest.mark.parametrize('upsampler', UPSAMPLERS)
every_map = pytest.mark.parametrize('pixel_map', ['sum', 'branches'])


def build(seed=0, **changes):
    """A finder with random weights, also where training starts from zeros."""
    torch.manual_seed(seed)
    cfg = dict(type='unihema_mm.QueryGuidedMaskFinder', embed_dims=16, shallow_dims=16)
    module = MODELS.build({**cfg, **changes}).eval()
    for name, value in module.named_parameters():
        if not value.any():
            torch.nn.init.normal_(value, std=0.1 if 'bias' in name else 0.3)
    return module


def inputs(size=(40, 56), batch=2, queries=5, shallow_dims=16, stride=8, seed=1):
    generator = torch.Generator().manual_seed(seed)
    level = tuple(-(-pixels // 8) for pixels in size)
    shallow = tuple(-(-pixels // stride) for pixels in size)

    def draw(*shape):
        return torch.randn(batch, *shape, generator=generator)

    return dict(
        queries=draw(queries, 16),
        memory=draw(level[0] * level[1] + 13, 16),  # 13 tokens of the other levels
        level_shape=level,
        shallow=draw(shallow_dims, *shallow),
        output_size=size,
        image=draw(3, *size),
    )


def pick(batch, rows):
    return {name: value[rows] if isinstance(value, torch.Tensor) else value for name, value in batch.items()}


@every_map
def test_first_query_matches_the_equation_in_float64(pixel_map):
    module = build(pixel_map=pixel_map, upsampler='bilinear').double()
    data = {k: v.double() if isinstance(v, torch.Tensor) else v for k, v in inputs().items()}
    height, width = data['level_shape']
    grid = data['memory'][:, : height * width].reshape(2, height, width, 16).permute(0, 3, 1, 2)
    if pixel_map == 'sum':
        kernel, bias = module.pixel_map.proj.weight[:, :, 0, 0], module.pixel_map.proj.bias
        pixels = torch.einsum('oc,bchw->bohw', kernel, data['shallow'] + grid) + bias[:, None, None]
    else:
        linear, conv = module.pixel_map.memory_proj, module.pixel_map.shallow_proj
        pixels = torch.einsum('oc,bchw->bohw', linear.weight, grid) + linear.bias[:, None, None]
        pixels = pixels.clamp(min=0) + F.conv2d(data['shallow'], conv.weight, conv.bias)
    hidden = F.layer_norm(data['queries'][:, 0], (16,), module.query_norm.weight, module.query_norm.bias)
    for index, layer in enumerate(module.query_embed.layers):
        hidden = hidden @ layer.weight.T + layer.bias
        hidden = hidden.clamp(min=0) if index < 2 else hidden
    coarse = (hidden[:, :, None, None] * pixels).sum(1, keepdim=True)
    expected = F.interpolate(coarse, size=(40, 56), mode='bilinear')
    torch.testing.assert_close(module(**data), expected)


def test_default_is_the_paper_with_the_released_upsampler():
    module = QueryGuidedMaskFinder()
    assert type(module.aggregate).__name__ == 'FirstQuery'
    assert sum(value.numel() for value in module.upsampler.parameters()) == 2_141_953


@every_upsampler
@pytest.mark.parametrize('size', [(40, 56), (41, 55), (33, 8), (1, 17)])
def test_output_has_the_size_of_the_input(upsampler, size):
    mask = build(upsampler=upsampler)(**inputs(size))
    assert mask.shape == (2, 1, *size)
    assert torch.isfinite(mask).all()


@every_upsampler
def test_odd_size_shifts_nothing(upsampler):
    """The mask of an input that the stride does not divide is that of the full grid, cropped."""
    module = build(upsampler=upsampler)
    data = inputs((40, 56))
    image = data['image']
    image[..., 37:, :] = image[..., 36:37, :]
    image[..., 53:] = image[..., 52:53]
    full = module(**data)
    data.update(output_size=(37, 53), image=image[..., :37, :53])
    torch.testing.assert_close(module(**data), full[..., :37, :53])


def test_released_form_stretches_to_any_size():
    module = build(pixel_map='branches', stride=None)
    data = inputs((28, 32))
    data.update(output_size=(50, 51))
    assert module(**data).shape == (2, 1, 50, 51)


def test_mean_and_max_over_queries():
    """Against the masks of each query alone."""
    data = inputs()
    alone = {**data, 'queries': None}
    first = build(upsampler='bilinear', aggregate='first')
    grid = torch.cat([first(**{**alone, 'queries': data['queries'][:, i : i + 1]}) for i in range(5)], dim=1)
    mean = build(upsampler='bilinear', aggregate='mean')
    torch.testing.assert_close(mean(**data), grid.mean(1, keepdim=True))
    masks = torch.randn(1, 4, 16), torch.randn(1, 16, 3, 5)
    union = build(aggregate='max').aggregate(*masks)
    expected = torch.stack([(masks[0][0, i, :, None, None] * masks[1][0]).sum(0) for i in range(4)])
    torch.testing.assert_close(union[0, 0], expected.max(0).values)


def test_attention_starts_as_the_mean_and_can_pick_one():
    torch.manual_seed(0)
    start = MODELS.build(
        dict(type='unihema_mm.QueryGuidedMaskFinder', embed_dims=16, aggregate='attention')
    ).aggregate
    embeddings, pixels = torch.randn(2, 5, 16), torch.randn(2, 16, 3, 4)
    mean = build(aggregate='mean').aggregate(embeddings, pixels)
    torch.testing.assert_close(start(embeddings, pixels), mean)
    start.score.weight.data.copy_(100 * embeddings[0, 3:4])
    chosen = build(aggregate='first').aggregate(embeddings[:1, 3:4], pixels[:1])
    torch.testing.assert_close(start(embeddings[:1], pixels[:1]), chosen)


@every_aggregation
def test_padding_queries_are_neutral(aggregate):
    module = build(aggregate=aggregate)
    data = inputs()
    expected = module(**data)
    data['queries'] = torch.cat([data['queries'], 5 * torch.randn(2, 3, 16)], dim=1)
    query_padding = torch.zeros(2, 8, dtype=torch.bool)
    query_padding[:, 5:] = True
    torch.testing.assert_close(module(**data, query_padding=query_padding), expected)


@every_aggregation
def test_single_valid_query(aggregate):
    module = build(aggregate=aggregate)
    data = inputs()
    query_padding = torch.ones(2, 5, dtype=torch.bool)
    query_padding[:, 0] = False
    actual = module(**data, query_padding=query_padding)
    torch.testing.assert_close(actual, module(**{**data, 'queries': data['queries'][:, :1]}))


@every_map
@every_upsampler
@pytest.mark.parametrize('stride', [4, 8])
def test_content_of_padding_pixels_is_neutral(pixel_map, upsampler, stride):
    """Image 1 is padded to the right of column 24 and below row 16."""
    module = build(pixel_map=pixel_map, upsampler=upsampler, stride=stride)
    data = inputs(stride=stride)
    padding = torch.zeros(2, 5, 7, dtype=torch.bool)
    padding[1, 2:] = True
    padding[1, :, 3:] = True
    padding = F.pad(padding.flatten(1), (0, 13))
    expected = module(**data, padding=padding)
    other = {name: value.clone() if torch.is_tensor(value) else value for name, value in data.items()}
    other['memory'][padding] = 7.0
    cells = 8 // stride
    shallow = torch.zeros(2, 5 * cells, 7 * cells, dtype=torch.bool)
    shallow[1, 2 * cells :] = True
    shallow[1, :, 3 * cells :] = True
    other['shallow'].masked_fill_(shallow.unsqueeze(1), -9.0)
    torch.testing.assert_close(module(**other, padding=padding), expected)
    module.see_padding = True  # the released form
    torch.testing.assert_close(module(**other, padding=padding), module(**other))
    assert not torch.allclose(module(**other), expected)
    assert not torch.allclose(module(**other), module(**data))


@every_map
def test_shallow_map_of_another_stride_and_width(pixel_map):
    module = build(pixel_map=pixel_map, shallow_dims=6, stride=4, upsampler='sharp')
    assert module(**inputs((37, 50), shallow_dims=6, stride=4)).shape == (2, 1, 37, 50)


@every_aggregation
@every_upsampler
def test_batch_rows_are_independent(aggregate, upsampler):
    module = build(aggregate=aggregate, upsampler=upsampler)
    data = inputs(batch=3)
    mask = module(**data)
    torch.testing.assert_close(module(**pick(data, [2, 0, 1])), mask[[2, 0, 1]])
    torch.testing.assert_close(module(**pick(data, slice(1, 2))), mask[1:2])


@every_map
@every_aggregation
@every_upsampler
def test_gradient_reaches_every_parameter(pixel_map, aggregate, upsampler):
    module = build(pixel_map=pixel_map, aggregate=aggregate, upsampler=upsampler, shallow_dims=6).train()
    module(**inputs(shallow_dims=6)).square().mean().backward()
    for name, value in module.named_parameters():
        assert value.grad is not None and value.grad.abs().sum() > 0, name


def test_every_parameter_of_the_initial_sharp_upsampler_learns():
    """It starts as interpolation, which must not be a dead start."""
    torch.manual_seed(0)
    module = QueryGuidedMaskFinder(16, 16, upsampler='sharp')
    data = inputs()
    plain = QueryGuidedMaskFinder(16, 16, upsampler='bilinear')
    plain.load_state_dict(module.state_dict(), strict=False)
    torch.testing.assert_close(module(**data), plain(**data))
    before = {name: value.clone() for name, value in module.named_parameters()}
    optimizer = torch.optim.AdamW(module.parameters(), lr=1e-2, weight_decay=0)
    for _ in range(3):
        optimizer.zero_grad()
        (module(**data) - 1).square().mean().backward()
        optimizer.step()
    assert not [name for name, value in module.named_parameters() if torch.equal(before[name], value)]


def test_sharp_upsampler_follows_the_image_within_one_cell():
    """With everything else constant, it can split a cell of the pixel map along an image edge."""
    torch.manual_seed(0)
    module = QueryGuidedMaskFinder(16, 16, upsampler='sharp')
    data = inputs((16, 16), batch=1)
    data['memory'], data['shallow'] = torch.ones_like(data['memory']), torch.ones_like(data['shallow'])
    inside = torch.arange(16) >= 11
    data['image'] = torch.where(inside, 1.0, -1.0).expand(1, 3, 16, 16)
    target = inside.float().expand(1, 1, 16, 16)
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-2)
    for _ in range(80):
        optimizer.zero_grad()
        F.binary_cross_entropy_with_logits(module(**data), target).backward()
        optimizer.step()
    assert torch.equal(module(**data) > 0, target > 0.5)


def test_image_is_needed_by_the_sharp_upsampler_alone():
    data = inputs()
    del data['image']
    assert build()(**data).shape == (2, 1, 40, 56)
    with pytest.raises(ValueError, match='takes the edges from the image, pass image='):
        build(upsampler='sharp')(**data)


@pytest.mark.parametrize(
    'changes, message',
    [
        (dict(pixel_map='product'), r"pixel_map must be one of \['branches', 'sum'\], got 'product'"),
        (dict(aggregate='best'), r"aggregate must be one of \['attention', 'first', 'max', 'mean'\]"),
        (dict(upsampler='nearest'), r"upsampler must be one of \['bilinear', 'conv', 'sharp'\]"),
        (dict(upsampler='sharp', stride=None), 'power of two, at least 4; got None'),
        (dict(upsampler='sharp', stride=12), 'power of two, at least 4; got 12'),
        (dict(upsampler='sharp', stride=2), 'power of two, at least 4; got 2'),
    ],
)
def test_bad_arguments_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        build(**changes)


@pytest.mark.parametrize(
    'changes, message',
    [
        (dict(level_shape=(9, 9)), 'level_shape 9x9 needs 81 tokens, memory has 48'),
        (dict(output_size=(80, 112)), 'map of 5x7 with stride 8 does not cover an output of 80x112'),
        (dict(output_size=(20, 28)), 'map of 5x7 with stride 8 does not cover an output of 20x28'),
        (dict(image=torch.zeros(2, 3, 41, 56)), 'image is 41x56, but output_size is 40x56'),
    ],
)
def test_sizes_that_do_not_fit_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        build(upsampler='sharp')(**{**inputs(), **changes})
