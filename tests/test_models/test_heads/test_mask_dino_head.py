"""Head of Mask DINO and its parts, on hand-made masks and boxes."""

import pytest
import torch
from mmdet.structures import DetDataSample
from mmdet.structures.mask import BitmapMasks
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData

from unihema_mm.models.layers import boxes_from_masks, mask_logits
from unihema_mm.models.losses import PointMaskLoss, sample_uncertain_points
from unihema_mm.models.task_modules import (
    InstanceTargets,
    MaskDenoising,
    Predictions,
    denoising_matches,
    instance_results,
    match_instances,
)
from unihema_mm.registry import MODELS

COSTS = [
    dict(type='mmdet.FocalLossCost', weight=4.0),
    dict(type='mmdet.CrossEntropyLossCost', weight=5.0, use_sigmoid=True),
    dict(type='mmdet.DiceCost', weight=5.0, pred_act=True, eps=1.0),
    dict(type='mmdet.BBoxL1Cost', weight=5.0, box_format='xywh'),
    dict(type='mmdet.IoUCost', iou_mode='giou', weight=2.0),
]
CPU = torch.device('cpu')
FULL = torch.ones(1, 2)


@pytest.fixture
def head():
    init_default_scope('unihema_mm')
    torch.manual_seed(0)
    head = MODELS.build(
        dict(
            type='MaskDINOHead',
            num_classes=3,
            embed_dims=16,
            num_pred_layer=3,
            as_two_stage=True,
            loss_cls=dict(type='mmdet.FocalLoss', use_sigmoid=True, loss_weight=4.0),
            loss_bbox=dict(type='mmdet.L1Loss', loss_weight=5.0),
            loss_iou=dict(type='mmdet.GIoULoss', loss_weight=2.0),
            loss_points=dict(type='PointMaskLoss', num_points=64),
            train_cfg=dict(assigner=dict(type='mmdet.HungarianAssigner', match_costs=COSTS)),
            test_cfg=dict(max_per_img=10),
        )
    )
    head.init_weights()
    return head


def sample(boxes, labels, size=(32, 48), canvas=None):
    """Data sample whose masks fill their boxes."""
    masks = torch.zeros(len(boxes), *size, dtype=torch.uint8)
    for mask, (x1, y1, x2, y2) in zip(masks, boxes, strict=True):
        mask[y1:y2, x1:x2] = 1
    instances = InstanceData(
        bboxes=torch.tensor(boxes, dtype=torch.float).reshape(-1, 4),
        labels=torch.tensor(labels, dtype=torch.long),
        masks=BitmapMasks(masks.numpy(), *size),
    )
    return DetDataSample(
        metainfo=dict(img_shape=size, batch_input_shape=canvas or size, ori_shape=size),
        gt_instances=instances,
    )


def inputs_for(batch, num_queries=6, num_dn=0, groups=0):
    generator = torch.Generator().manual_seed(1)
    bs, total = len(batch), num_queries + num_dn

    def draw(*shape):
        return torch.randn(shape, generator=generator)

    return dict(
        hidden_states=draw(2, bs, total, 16).requires_grad_(),
        references=draw(3, bs, total, 4).sigmoid(),
        class_states=draw(3, bs, total, 16).requires_grad_(),
        mask_features=draw(bs, 16, 8, 12).requires_grad_(),
        enc_outputs=Predictions(
            draw(bs, num_queries, 3).requires_grad_(),
            draw(bs, num_queries, 4).sigmoid().requires_grad_(),
            draw(bs, num_queries, 16).requires_grad_(),
        ),
        batch_data_samples=batch,
        dn_meta=dict(num_denoising_queries=num_dn, num_denoising_groups=groups),
    )


def test_one_branch_serves_all_stages(head):
    assert len({id(branch) for branch in head.cls_branches}) == 1
    assert len({id(branch) for branch in head.reg_branches}) == 1
    assert head.reg_branches[0][-1].weight.abs().sum() == 0


@pytest.mark.parametrize(
    'batch', [[([], [])], [([[4, 4, 20, 20]], [2])], [([], []), ([[0, 0, 48, 32]], [0])]]
)
def test_losses_reach_every_input(head, batch):
    inputs = inputs_for([sample(*rows) for rows in batch])
    losses = head.loss(**inputs)
    sum(losses.values()).backward()
    assert all(param.grad is not None for param in head.parameters())
    assert all(
        rows.grad is not None
        for rows in (
            *inputs['enc_outputs'],
            *(inputs[name] for name in ('hidden_states', 'class_states', 'mask_features')),
        )
    )
    objects = sum(len(labels) for _, labels in batch)
    for name, value in losses.items():
        assert torch.isfinite(value)
        wanted = 'dn' not in name and ('cls' in name or objects > 0)
        assert (value > 0) == wanted, name


def test_denoising_losses(head):
    batch = [sample([[4, 4, 20, 20], [8, 2, 40, 30]], [2, 0]), sample([[1, 1, 9, 9]], [1])]
    inputs = inputs_for(batch, num_dn=6, groups=3)
    matches = denoising_matches([InstanceTargets.from_sample(s, CPU) for s in batch], inputs['dn_meta'])
    assert matches[0][0].tolist() == [0, 1, 2, 3, 4, 5] and matches[0][1].tolist() == [0, 1] * 3
    assert matches[1][0].tolist() == [0, 2, 4] and matches[1][1].tolist() == [0, 0, 0]
    losses = head.loss(**inputs)
    assert all(
        losses[f'{layer}dn_loss_{kind}'] > 0 for layer in ('', 'd0.', 'd1.') for kind in ('cls', 'dice')
    )


def test_matching_finds_the_right_masks_boxes_and_classes(head):
    batch = [sample([[0, 0, 24, 32], [24, 0, 48, 32]], [1, 2])]
    target = InstanceTargets.from_sample(batch[0], CPU)
    features = torch.nn.functional.adaptive_avg_pool2d(target.masks[None].float(), (8, 12)) * 20 - 10
    embeds = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    boxes = torch.tensor([[0.5, 0.5, 0.1, 0.1], [0.75, 0.5, 0.5, 1.0], [0.25, 0.5, 0.5, 1.0]])
    logits = torch.full((3, 3), -4.0)
    logits[1, 2] = logits[2, 1] = 4.0
    stage = Predictions(logits[None], boxes[None], embeds[None])
    metas = [batch[0].metainfo]
    ((query, index),) = match_instances(head.assigner, stage, features, [target], metas, 200)
    assert query.tolist() == [1, 2] and index.tolist() == [1, 0]
    losses = head.stage_losses(stage, features, [target], [(query, index)], 2.0, 'loss')
    worse = head.stage_losses(stage, features, [target], [(query, index.flip(0))], 2.0, 'loss')
    assert losses['loss_bbox'] == pytest.approx(0, abs=1e-6)
    assert all(losses[name] < worse[name] for name in losses)
    assert losses['loss_dice'] < 0.5


def test_predictions_that_are_not_finite_name_the_image(head):
    inputs = inputs_for([sample([[4, 4, 20, 20]], [2])])
    inputs['batch_data_samples'][0].set_metainfo({'img_path': 'images/smear_7.jpg'})
    inputs['class_states'] = torch.full_like(inputs['class_states'], float('nan'))
    with pytest.raises(FloatingPointError, match=r'images/smear_7\.jpg.*not finite'):
        head.loss(**inputs)


def test_boxes_of_masks():
    logits = torch.full((1, 4, 8, 12), -1.0)
    logits[0, 1, 2:5, 3:9] = 1.0
    logits[0, 2] = 1.0
    logits[0, 3, 7, 11] = 1.0
    boxes = boxes_from_masks(logits, FULL)[0]
    assert boxes[0].tolist() == [0, 0, 0, 0]
    torch.testing.assert_close(boxes[1], torch.tensor([6 / 12, 3.5 / 8, 6 / 12, 3 / 8]))
    assert boxes[2].tolist() == [0.5, 0.5, 1, 1]
    torch.testing.assert_close(boxes[3], torch.tensor([11.5 / 12, 7.5 / 8, 1 / 12, 1 / 8]))


def test_boxes_of_masks_ignore_padding():
    logits = torch.full((1, 3, 8, 12), -1.0)
    logits[0, 0, 1:4, 2:4] = 1.0
    padded = logits.clone()
    padded[0, 0, 6:, :] = 1.0
    padded[0, 1, :, 8:] = 1.0
    extent = torch.tensor([[0.5, 0.5]])  # the image is 4 x 6 cells
    expected = boxes_from_masks(logits[..., :4, :6], FULL)
    torch.testing.assert_close(boxes_from_masks(padded, extent), expected)


def test_points_stay_in_the_image_and_prefer_the_edge():
    ramp = torch.linspace(-5, 5, 20).expand(2, 16, 20)
    extent = torch.tensor([[1.0, 1.0], [0.6, 0.5]])
    points = sample_uncertain_points(ramp, extent, 100, 3.0, 0.75)
    assert points.shape == (2, 100, 2)
    assert (points >= 0).all() and (points <= extent[:, None]).all()
    uniform = sample_uncertain_points(ramp, extent, 100, 3.0, 0.0)
    assert (points[0, :, 0] - 0.5).abs().mean() < 0.8 * (uniform[0, :, 0] - 0.5).abs().mean()


def test_point_loss_ignores_padding(head):
    loss = PointMaskLoss(num_points=50)
    truth = torch.zeros(1, 32, 48, dtype=torch.bool)
    truth[0, 4:12, 6:18] = True
    perfect = torch.nn.functional.avg_pool2d(truth[None].float(), 4)[0] * 40 - 20
    wrong = perfect.clone()
    wrong[:, 4:] = 20.0
    extent = [torch.tensor([1.0, 0.4])]
    inside = sum(loss([wrong], [truth], extent, 1.0))
    outside = sum(loss([wrong], [truth], [torch.ones(2)], 1.0))
    assert inside < 0.5 * outside


def test_targets_are_padded_to_the_canvas():
    target = InstanceTargets.from_sample(sample([[4, 4, 20, 20]], [0], (30, 45), (32, 64)), CPU)
    assert target.masks.shape == (1, 32, 64) and target.masks.sum() == 256
    torch.testing.assert_close(target.extent, torch.tensor([45 / 64, 30 / 32]))


def test_noise_stays_near_the_box():
    generator = MaskDenoising(
        num_classes=3,
        embed_dims=8,
        num_matching_queries=5,
        label_noise_scale=0.4,
        box_noise_scale=0.4,
        group_cfg=dict(dynamic=True, num_dn_queries=100),
    )
    boxes = torch.tensor([[0.5, 0.5, 0.2, 0.4]]).repeat(500, 1)
    moved = (generator.noisy_boxes(boxes) - boxes).abs()
    assert (moved <= torch.tensor([0.04, 0.08, 0.08, 0.16]) + 1e-6).all() and moved.max() > 0.1
    changed = (generator.noisy_labels(torch.zeros(3000, dtype=torch.long)) != 0).float().mean()
    assert 0.08 < changed < 0.19  # 0.2 are drawn anew, a third of them by chance the same
    assert [generator.get_num_groups(count) for count in (0, 1, 30, 100, 101)] == [0, 100, 3, 1, 0]


def test_results_of_known_masks():
    logits = torch.tensor([[-9.0, 9.0], [9.0, -9.0], [-9.0, -9.0]])
    boxes = torch.tensor([[0.25, 0.5, 0.5, 1.0], [0.75, 0.5, 0.6, 1.0], [0.5, 0.5, 1.0, 1.0]])
    masks = torch.full((3, 8, 16), -20.0)
    masks[0, :, :6] = 20.0
    masks[1, :, 6:] = 2.0
    meta = dict(img_shape=(32, 48), batch_input_shape=(32, 64), ori_shape=(65, 97))
    result = instance_results(logits, boxes, masks, meta, max_per_img=2)
    assert result.labels.tolist() == [1, 0]
    assert result.masks.shape == (2, 65, 97)
    torch.testing.assert_close(result.bboxes[0], torch.tensor([0.0, 0.0, 48.5, 65.0]))
    assert result.bboxes[1, 2] == 97  # clipped
    assert result.scores[0] > 0.98 and result.scores[1] == pytest.approx(0.88, abs=0.03)
    assert result.masks[0, :, :45].all() and not result.masks[0, :, 52:].any()
    assert len(instance_results(logits, boxes, masks, meta, max_per_img=100)) == 6


def test_many_masks_are_resized_in_parts(monkeypatch):
    torch.manual_seed(0)
    rows = torch.randn(4, 2), torch.rand(4, 4), torch.randn(4, 8, 12)
    meta = dict(img_shape=(32, 48), ori_shape=(50, 70))
    whole = instance_results(*rows, meta, 8)
    monkeypatch.setattr('unihema_mm.models.task_modules.instance_postprocess.PIXELS_AT_ONCE', 1)
    parts = instance_results(*rows, meta, 8)
    assert torch.equal(whole.masks, parts.masks)
    torch.testing.assert_close(whole.scores, parts.scores)


def test_mask_logits_are_inner_products():
    embeds, features = torch.randn(2, 3, 4), torch.randn(2, 4, 5, 6)
    expected = (embeds @ features.flatten(2)).unflatten(2, (5, 6))
    torch.testing.assert_close(mask_logits(embeds, features), expected)
    torch.testing.assert_close(mask_logits(embeds[1], features[1]), expected[1])


@pytest.mark.parametrize(
    ('meta', 'rows', 'columns'),
    [
        ({}, [True] * 3, [True] * 3),
        (dict(annotated=(1, 2)), [True] * 3, [False, True, True]),
        (dict(partly_labelled=True), [False, True, True], [True] * 3),
    ],
)
def test_what_is_not_annotated_gets_no_class_gradient(head, meta, rows, columns):
    image = sample([[0, 0, 24, 32], [24, 0, 48, 32]], [1, 2])
    image.set_metainfo(meta)
    target = InstanceTargets.from_sample(image, CPU)
    logits = torch.zeros(1, 3, 3, requires_grad=True)
    stage = Predictions(logits, torch.rand(1, 3, 4), torch.rand(1, 3, 16))
    match = torch.tensor([1, 2]), torch.tensor([0, 1])
    losses = head.stage_losses(stage, torch.rand(1, 16, 8, 12), [target], [match], 2.0, 'loss')
    losses['loss_cls'].backward()
    touched = logits.grad[0] != 0
    assert touched.any(dim=1).tolist() == rows
    assert touched.any(dim=0).tolist() == columns
