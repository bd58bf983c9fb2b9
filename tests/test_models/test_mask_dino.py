"""Mask DINO as a detector: awkward batches, padding, results at the original size."""

import copy

import pytest
import torch
from mmdet.structures import DetDataSample
from mmdet.testing import demo_mm_inputs
from mmengine.config import Config
from mmengine.registry import init_default_scope

from unihema_mm.models import mask_dino
from unihema_mm.models.task_modules import Predictions
from unihema_mm.registry import MODELS


@pytest.fixture
def build(repo):
    """Callable changes -> tiny Mask DINO with seeded weights."""
    init_default_scope('unihema_mm')
    cfg = Config.fromfile(repo / 'configs/_base_/models/mask_dino_tiny.py').model
    cfg.bbox_head.num_classes = 3
    cfg.bbox_head.loss_points.num_points = 256
    cfg.num_queries = 30

    def make(**changes):
        torch.manual_seed(0)
        model = MODELS.build({**copy.deepcopy(cfg), **changes})
        model.init_weights()
        return model

    return make


def batch(model, sizes=((96, 128), (70, 101)), num_items=(3, 5), training=True):
    torch.manual_seed(0)
    packed = demo_mm_inputs(
        len(sizes), [(3, *size) for size in sizes], num_classes=3, num_items=list(num_items), with_mask=True
    )
    data = model.data_preprocessor(packed, training)
    return data['inputs'], data['data_samples']


@pytest.mark.parametrize('num_items', [(3, 5), (0, 4), (1, 0), (0, 0)])
def test_every_parameter_gets_a_gradient(build, num_items):
    model = build().train()
    losses = model.loss(*batch(model, num_items=num_items))
    sum(losses.values()).backward()
    assert not [name for name, param in model.named_parameters() if param.grad is None]
    assert all(torch.isfinite(value) for value in losses.values())
    assert len(losses) == 5 * (2 * (model.decoder.num_layers + 1) + 1)  # for every batch
    if sum(num_items) == 0:
        assert all(
            value > 0 if 'cls' in name and 'dn' not in name else value == 0 for name, value in losses.items()
        )


def test_more_objects_than_denoising_queries_or_queries(build):
    model = build(num_queries=4, dn_cfg=dict(group_cfg=dict(dynamic=True, num_dn_queries=5))).train()
    losses = model.loss(*batch(model, num_items=(6, 2)))
    sum(losses.values()).backward()
    assert all(value == 0 for name, value in losses.items() if 'dn' in name)
    assert all(torch.isfinite(value) for value in losses.values())


def test_missing_masks_are_named(build):
    model = build().train()
    images, samples = batch(model)
    del samples[1].gt_instances.masks
    samples[1].set_metainfo({'img_path': 'images/smear_3.jpg'})
    with pytest.raises(
        ValueError, match=r'images/smear_3\.jpg: gt_instances\.masks is missing; set with_mask'
    ):
        model.loss(images, samples)


@pytest.mark.parametrize('initial_boxes', ['mask', 'mask_else_proposal', 'proposal'])
@pytest.mark.parametrize('order', ['fine_to_coarse', 'coarse_to_fine'])
def test_variants_train_and_predict(build, initial_boxes, order):
    model = build(initial_boxes=initial_boxes, level_order=order)
    sum(model.train().loss(*batch(model)).values()).backward()
    images, samples = batch(model, training=False)
    with torch.no_grad():
        logits, boxes, masks = model.eval()._forward(images, samples)
    assert logits.shape == (4, 2, 30, 3) and boxes.shape == (4, 2, 30, 4)
    assert masks.shape == (2, 30, images.size(2) // 4, images.size(3) // 4)


@torch.no_grad()
def test_empty_masks_start_from_the_proposal(build):
    model = build()
    samples = [DetDataSample(metainfo=dict(img_shape=(32, 32), batch_input_shape=(32, 32)))]
    features = torch.full((1, 1, 8, 8), -1.0)
    features[..., 2:4, 4:6] = 1.0
    proposals = torch.tensor([[[0.5, 0.5, 0.2, 0.2], [0.6, 0.4, 0.1, 0.3]]])
    embeds = torch.tensor([[[1.0], [0.0]]])
    outputs = Predictions(torch.zeros(1, 2, 3), proposals, embeds)
    mask_box, empty = [0.625, 0.375, 0.25, 0.25], [0.0] * 4
    expected = {
        'mask': [mask_box, empty],
        'mask_else_proposal': [mask_box, proposals[0, 1].tolist()],
        'proposal': proposals[0].tolist(),
    }
    for model.initial_boxes, boxes in expected.items():
        torch.testing.assert_close(model._initial_boxes(outputs, features, samples), torch.tensor([boxes]))


def test_unknown_options_are_refused(build):
    with pytest.raises(ValueError, match='initial_boxes'):
        build(initial_boxes='masks')
    with pytest.raises(ValueError, match='level_order'):
        build(level_order='up')


@pytest.mark.parametrize('size', [(17, 33), (40, 23)])
def test_image_with_fewer_tokens_than_queries(build, size):
    model = build(num_queries=300)
    sum(model.train().loss(*batch(model, [size], [2])).values()).backward()
    with torch.no_grad():
        (result,) = model.eval().predict(*batch(model, [size], [2], training=False), rescale=False)
    found = result.pred_instances
    assert 0 < len(found) <= 100
    assert found.masks.shape == (len(found), *size) and found.masks.dtype == torch.bool
    assert found.bboxes.min() >= 0 and found.bboxes[:, 2].max() <= size[1]
    assert found.bboxes[:, 3].max() <= size[0]


def test_results_have_the_original_size(build):
    model = build().eval()
    images, samples = batch(model, training=False)
    originals = [(151, 203), (33, 47)]
    for sample, shape in zip(samples, originals, strict=True):
        sample.set_metainfo({'ori_shape': shape})
    with torch.no_grad():
        small = [copy.deepcopy(s.pred_instances) for s in model.predict(images, samples, rescale=False)]
        results = [sample.pred_instances for sample in model.predict(images, samples)]
    for found, before, shape, sample in zip(results, small, originals, samples, strict=True):
        assert found.masks.shape[1:] == shape
        assert before.masks.shape[1:] == tuple(sample.img_shape)
        assert torch.equal(found.scores, found.scores.sort(descending=True).values)
        assert found.bboxes[:, 2].max() <= shape[1] and found.bboxes[:, 3].max() <= shape[0]


def test_padding_is_never_a_query(build, monkeypatch):
    model = build().eval()
    images, samples = batch(model, ((128, 160), (64, 96)), training=False)
    calls = []

    def record(scores, mask, num_queries):
        boosted = scores + 100 * mask  # the class head prefers padding
        calls.append((mask, select(boosted, mask, num_queries)))
        return calls[-1][1]

    select = mask_dino.select_proposals
    monkeypatch.setattr(mask_dino, 'select_proposals', record)
    with torch.no_grad():
        model._forward(images, samples)
    ((mask, index),) = calls
    assert mask[1].any()
    assert not mask.gather(1, index).any()


@torch.no_grad()
def test_padding_is_neutral_for_query_selection(build):
    """Content and initial boxes come from the valid tokens alone, whatever the padding holds."""
    model = build().eval()
    torch.manual_seed(0)
    sizes = [(2, 3), (4, 6), (8, 12), (16, 24)]
    dims, features = model.embed_dims, torch.randn(1, model.embed_dims, 32, 48)
    plain, padded, masks = [], [], []
    for height, width in sizes:
        tokens = torch.randn(1, height, width, dims)
        canvas = 9 * torch.randn(1, 2 * height, 2 * width, dims)
        mask = torch.ones(1, 2 * height, 2 * width, dtype=torch.bool)
        canvas[:, :height, :width], mask[:, :height, :width] = tokens, False
        for rows, level in ((plain, tokens), (padded, canvas), (masks, mask)):
            rows.append(level.flatten(1, 2))
    canvas_features = 9 * torch.randn(1, dims, 64, 96)
    canvas_features[..., :32, :48] = features

    def selected(memory, mask, scale, mask_features):
        shapes = scale * torch.tensor(sizes)
        shape = (scale * 128, scale * 192)
        samples = [DetDataSample(metainfo=dict(img_shape=(128, 192), batch_input_shape=shape))]
        return model.pre_decoder(memory, mask, shapes, samples, mask_features=mask_features)[0]

    alone = selected(torch.cat(plain, dim=1), None, 1, features)
    within = selected(torch.cat(padded, dim=1), torch.cat(masks, dim=1), 2, canvas_features)
    for name in ('query', 'reference_points'):
        torch.testing.assert_close(alone[name], within[name], atol=1e-5, rtol=1e-5)


def test_permuting_the_batch_permutes_the_results(build):
    model = build().eval()
    images, samples = batch(model, training=False)
    with torch.no_grad():
        forward = model._forward(images, samples)
        backward = model._forward(images.flip(0), samples[::-1])
    for ours, theirs, axis in zip(forward, backward, (1, 1, 0), strict=True):
        torch.testing.assert_close(ours, theirs.flip(axis), atol=1e-4, rtol=1e-4)


def test_permuting_the_batch_keeps_the_losses(build, monkeypatch):
    model = build().train()
    model.backbone.eval()
    model.dn_query_generator.label_noise_scale = model.dn_query_generator.box_noise_scale = 0
    images, samples = batch(model)
    points = torch.rand(1, 768, 2)
    monkeypatch.setattr(torch, 'rand', lambda n, k, two, **kwargs: points[:, :k].expand(n, k, two))
    with torch.no_grad():
        forward = model.loss(images, samples)
        backward = model.loss(images.flip(0), samples[::-1])
    for name, value in forward.items():
        torch.testing.assert_close(value, backward[name], atol=1e-4, rtol=1e-3, msg=name)


def test_bfloat16_autocast_trains_and_predicts(build):
    model = build()
    with torch.autocast('cpu', torch.bfloat16):
        loss = sum(model.train().loss(*batch(model)).values())
    loss.backward()
    assert torch.isfinite(loss)
    with torch.no_grad(), torch.autocast('cpu', torch.bfloat16):
        result = model.eval().predict(*batch(model, training=False), rescale=False)
    assert result[0].pred_instances.bboxes.dtype == torch.float32


def test_learns_two_images(build):
    model = build().train()
    images, samples = batch(model, ((64, 96), (64, 96)), (2, 3))
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-4)
    history = []
    for _ in range(8):
        losses = model.loss(images, samples)
        history.append(
            {name: losses[name].item() for name in ('loss_cls', 'loss_mask', 'loss_dice', 'loss_bbox')}
        )
        optimizer.zero_grad()
        sum(losses.values()).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    first, last = history[0], history[-1]
    assert sum(last.values()) < 0.9 * sum(first.values())
    assert last['loss_dice'] < first['loss_dice']
