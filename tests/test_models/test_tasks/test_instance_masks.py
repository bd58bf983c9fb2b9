"""A mask per detected cell: sizes, order, images without cells."""

import numpy as np
import pytest
import torch
from mmdet.structures.mask import BitmapMasks

SIZES = [(64, 96), (51, 37)]


@pytest.mark.parametrize('rescale', [True, False])
def test_masks_belong_to_the_detections(build_all_tasks, make_mixed, rescale):
    model = build_all_tasks().eval()
    inputs, samples = make_mixed(model, [(('det', 'inst'), size) for size in SIZES], training=False)
    samples[1].set_metainfo(dict(ori_shape=(50, 38)))
    with torch.no_grad():
        model.predict(inputs, samples, rescale=rescale)
    expected = [(128, 192), (50, 38)] if rescale else SIZES
    for sample, size in zip(samples, expected, strict=True):
        found = sample.pred_instances
        assert len(found) == 20
        assert found.masks.shape == (20, *size) and found.masks.dtype == torch.bool
        assert found.mask_scores.shape == (20,) and (found.mask_scores <= found.scores).all()
        # Several classes of a query share its mask.
        first = {int(query): place for place, query in reversed([*enumerate(found.queries)])}
        assert all(
            torch.equal(mask, found.masks[first[int(query)]])
            for query, mask in zip(found.queries, found.masks, strict=True)
        )


def test_detections_are_those_of_the_detector_alone(build_all_tasks, make_mixed):
    model = build_all_tasks().eval()
    found = []
    for tasks in (('det',), ('inst',), ('inst', 'det')):
        with torch.no_grad():
            found.append(
                model.predict(*make_mixed(model, [(tasks, (64, 96))], training=False))[0].pred_instances
            )
    for field in ('bboxes', 'scores', 'labels', 'queries'):
        assert torch.equal(found[0].get(field), found[1].get(field))
        assert torch.equal(found[0].get(field), found[2].get(field))
    assert 'masks' not in found[0] and torch.equal(found[1].masks, found[2].masks)


def test_box_prior_draws_each_mask_in_its_box(build_all_tasks, make_mixed):
    """With a silent mask embedding only the ellipses remain, on images of other sizes than their canvas."""
    model = build_all_tasks().eval()
    model.tasks['inst'].embed.layers[-1].weight.data.zero_()
    model.tasks['inst'].embed.layers[-1].bias.data.zero_()
    inputs, samples = make_mixed(
        model, [(('det', 'inst'), (96, 160)), (('det', 'inst'), (64, 80))], training=False
    )
    with torch.no_grad():
        model.predict(inputs, samples)
    checked = 0
    for sample in samples:
        found = sample.pred_instances
        for (x1, y1, x2, y2), mask in zip(found.bboxes.tolist(), found.masks, strict=True):
            if min(x2 - x1, y2 - y1) < 24:
                continue  # a few pixels of the mask map
            rows, columns = mask.nonzero().unbind(1)
            assert columns.min() >= x1 - 4 and columns.max() <= x2 + 4
            assert rows.min() >= y1 - 4 and rows.max() <= y2 + 4
            assert mask.sum() == pytest.approx(torch.pi / 4 * (x2 - x1) * (y2 - y1), rel=0.3)
            checked += 1
    assert checked


def test_box_prior_in_training_is_that_of_the_true_box(build_all_tasks, make_mixed):
    """With a silent mask embedding and ellipses as true masks there is little left to learn."""
    uniform = dict(inst=dict(loss_points=dict(num_points=784, importance_sample_ratio=0.0)))
    model = build_all_tasks(tasks=uniform).train()
    model.tasks['inst'].embed.layers[-1].weight.data.zero_()
    model.tasks['inst'].embed.layers[-1].bias.data.zero_()
    inputs, samples = make_mixed(model, [(('det', 'inst'), (96, 160)), (('det', 'inst'), (64, 80))])
    dice = []
    for mirrored in (False, True):
        for sample in samples:
            sample.gt_instances.masks = ellipses(sample.gt_instances.bboxes, sample.img_shape, mirrored)
        losses = model.loss(inputs, samples)
        dice.append({name: value / 5 for name, value in losses.items() if name.endswith('loss_dice')})
    right, wrong = dice
    assert right.keys() == {f'inst.{layer}loss_dice' for layer in ('', 'd0.', 'd1.', 'dn_')}
    assert all(right[name] < 0.25 and wrong[name] > 0.5 for name in right)


def ellipses(boxes, shape, mirrored):
    """The ellipse in each box (n, 4) as a mask; mirrored along both axes it lies elsewhere."""
    y, x = np.arange(shape[0])[:, None] + 0.5, np.arange(shape[1]) + 0.5
    masks = [
        ((2 * x - x1 - x2) / (x2 - x1)) ** 2 + ((2 * y - y1 - y2) / (y2 - y1)) ** 2 < 1
        for x1, y1, x2, y2 in boxes.tolist()
    ]
    masks = np.array(masks, np.uint8)
    return BitmapMasks(masks[:, ::-1, ::-1].copy() if mirrored else masks, *shape)


@pytest.mark.parametrize('tasks', [('inst',), ('det', 'inst')], ids='+'.join)
@pytest.mark.parametrize('objects', [0, 1])
def test_a_batch_of_one(build_all_tasks, make_mixed, tasks, objects):
    model = build_all_tasks().train()
    losses = model.loss(*make_mixed(model, [(tasks, (51, 37), objects)]))
    names = {name.removeprefix('inst.') for name in losses if name.startswith('inst.')}
    layers = {f'{layer}{name}' for layer in ('', 'd0.', 'd1.') for name in ('loss_mask', 'loss_dice')}
    assert names == (layers | {'dn_loss_mask', 'dn_loss_dice'} if 'det' in tasks else layers)
    for name, value in losses.items():
        if name.startswith('inst.'):
            assert value.isfinite() and (value > 0) == bool(objects), name
