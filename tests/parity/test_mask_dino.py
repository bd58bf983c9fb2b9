"""Mask DINO against golden numbers of the reference implementation: forward, matching, losses, gradients."""

import importlib.util
import json

import numpy as np
import pytest
import torch
from mmdet.structures import DetDataSample
from mmdet.structures.mask import BitmapMasks
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData

from unihema_mm.models import mask_dino
from unihema_mm.models.layers import mask_logits
from unihema_mm.models.losses import point_mask_loss
from unihema_mm.models.task_modules import InstanceTargets, denoising_matches, instance_results
from unihema_mm.registry import MODELS


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Golden:
    """The files of one variant, and the network with its weights."""

    def __init__(self, folder, variant, repo):
        self.variant = variant
        self.rule = load(folder / 'weights_rule.py')
        self.names = load(repo / 'tests/parity/mask_dino_names.py')
        self.inputs = np.load(folder / 'inputs.npz')
        self.outputs = np.load(folder / 'outputs.npz')
        self.config = json.loads((folder / 'config.json').read_text())['variants'][variant]
        self.keys = json.loads((folder / 'keys.json').read_text())[variant]
        self.folder, self.repo = folder, repo
        self.canvas = tuple(self.inputs['canvas_size'].tolist())
        self.model = self._build()
        self.loaded = self._load()

    @property
    def coarse_to_fine(self):
        return self.config['feature_order'] == 'high2low'

    def __getitem__(self, name):
        return self.outputs[f'{self.variant}/{name}']

    def __contains__(self, name):
        return f'{self.variant}/{name}' in self.outputs

    def check(self, name, actual, atol, rtol=0.0):
        """Compare an array that is stored in full or as samples."""
        actual = actual.detach().numpy()
        if f'{name}@val' in self:
            assert actual.shape == tuple(self[f'{name}@shape']), name
            expected, actual = self[f'{name}@val'], actual.ravel()[self[f'{name}@idx']]
        else:
            expected = self[name]
        assert actual.shape == expected.shape, name
        np.testing.assert_allclose(actual, expected, rtol=rtol, atol=atol, err_msg=name)

    def _build(self):
        init_default_scope('unihema_mm')
        cfg = Config.fromfile(self.repo / 'configs/_base_/models/mask_dino_r50.py').model
        levels, config = self.config['total_num_feature_levels'], self.config
        cfg.backbone.update(depth=18, init_cfg=None)  # not used
        cfg.num_feature_levels = cfg.neck.num_outs = levels
        cfg.level_order = 'coarse_to_fine' if self.coarse_to_fine else 'fine_to_coarse'
        cfg.num_queries = config['num_queries']
        cfg.bbox_head.num_classes = config['num_classes']
        for part, attention in (('encoder', 'self_attn_cfg'), ('decoder', 'cross_attn_cfg')):
            cfg[part].num_layers = config[f'{part}_layers']
            cfg[part].layer_cfg.ffn_cfg.feedforward_channels = config[f'{part}_dim_feedforward']
            cfg[part].layer_cfg[attention].num_levels = levels
        return MODELS.build(cfg)

    def _load(self):
        state = {}
        for key in self.keys:
            if key['alias_of'] is None:
                value = self.rule.tensor(key['name'], key['shape'], 'public', self.variant)
                assert np.isclose(value.sum(dtype=np.float64), key['sum'], atol=1e-6), key['name']
                ours = self.names.our_name(key['name'], self.coarse_to_fine)
                assert ours not in state
                state[ours] = torch.from_numpy(value)
        shared = dict(self.model.named_parameters())  # every tensor once
        missing = {name for name in shared if not name.startswith('backbone.')} - set(state)
        assert not missing
        result = self.model.load_state_dict(state, strict=False)
        assert not result.unexpected_keys
        return {
            key['name']: self.names.our_name(key['name'], self.coarse_to_fine)
            for key in self.keys
            if key['alias_of'] is None
        }

    def features(self, prefix='', images=slice(None), grad=False):
        maps = [self.inputs[f'{prefix}feat_int8/res{stage}'][images] for stage in (2, 3, 4, 5)]
        return [(torch.from_numpy(rows).float() / 16).requires_grad_(grad) for rows in maps]

    def samples(self, images=(0, 1, 2)):
        height, width = self.canvas
        samples = []
        for image in images:
            packed = self.inputs[f'target/{image}/masks_packed']
            masks = np.unpackbits(packed, axis=-1)[..., :width]
            instances = InstanceData(
                labels=torch.from_numpy(self.inputs[f'target/{image}/labels']).long(),
                bboxes=torch.from_numpy(self.inputs[f'target/{image}/boxes_xyxy']),
                masks=BitmapMasks(masks, height, width),
            )
            meta = dict(img_shape=self.canvas, batch_input_shape=self.canvas)
            samples.append(DetDataSample(metainfo=meta, gt_instances=instances))
        return samples

    def forward(self, features, samples):
        return self.model.forward_transformer((features[0], *self.model.neck(features[1:])), samples)

    def fix_random_numbers(self, monkeypatch):
        def points(num, count, two, **kwargs):
            return torch.from_numpy(self.rule.points(num, count, 'public'))

        def noise(like):
            return self.rule.dn_noise(len(like), 'public', self.config['num_classes'])

        def uniform(like, **kwargs):
            return torch.from_numpy(noise(like)[1 if like.dim() == 2 else 0])

        monkeypatch.setattr(torch, 'rand', points)
        monkeypatch.setattr(torch, 'rand_like', uniform)
        monkeypatch.setattr(torch, 'randint_like', lambda like, high: torch.from_numpy(noise(like)[2]))


def spy(monkeypatch, owner, name):
    """Record (args, result) of every call of a function."""
    calls, original = [], getattr(owner, name)

    def wrapper(*args, **kwargs):
        result = original(*args, **kwargs)
        calls.append((args, result))
        return result

    monkeypatch.setattr(owner, name, wrapper)
    return calls


@pytest.fixture(params=['l4', 'l3'])
def golden(request, reference, repo):
    return Golden(reference('mask_dino'), request.param, repo)


def stage_names(num_layers):
    """Stages in the order in which our head computes their losses."""
    layers = [*(f'aux{index}' for index in range(num_layers)), 'last']
    return [*layers, 'interm'], [f'dn_{name}' for name in layers]


def check_selection(golden, calls, case='eval'):
    """Two-stage selection and initial boxes."""
    ((_, (memory, anchors)),) = calls['gen_encoder_output_proposals']
    if f'{case}/two_stage_memory@val' in golden:
        golden.check(f'{case}/two_stage_memory', memory, 5e-5)
    golden.check(f'{case}/proposal_logit', anchors, 1e-5)
    (((scores, _, _), index),) = calls['select_proposals']
    golden.check(f'{case}/two_stage_score', scores, 1e-4)
    assert torch.equal(index, torch.from_numpy(golden[f'{case}/topk_index']).long())
    (enc_outputs, features, _), boxes = calls['_initial_boxes'][0]
    golden.check(f'{case}/interm/pred_logits', enc_outputs.cls_scores, 1e-4)
    golden.check(f'{case}/interm/pred_boxes', enc_outputs.bbox_preds, 1e-5)
    if f'{case}/interm/pred_masks@val' in golden:
        golden.check(f'{case}/interm/pred_masks', mask_logits(enc_outputs.mask_embeds, features), 3e-4)
    if f'{case}/init_boxes_raw' in golden:
        golden.check(f'{case}/init_boxes_raw', boxes, 1e-5)


@pytest.fixture
def selection_calls(golden, monkeypatch):
    return {
        'gen_encoder_output_proposals': spy(monkeypatch, golden.model, 'gen_encoder_output_proposals'),
        '_initial_boxes': spy(monkeypatch, golden.model, '_initial_boxes'),
        'select_proposals': spy(monkeypatch, mask_dino, 'select_proposals'),
        'forward_encoder': spy(monkeypatch, golden.model, 'forward_encoder'),
    }


@torch.no_grad()
def test_forward(golden, selection_calls):
    golden.model.eval()
    inputs = golden.forward(golden.features(), golden.samples())
    ((_, encoded),) = selection_calls['forward_encoder']
    sizes = encoded['spatial_shapes']
    for level, tokens in enumerate(encoded['memory'].split(sizes.prod(dim=1).tolist(), dim=1)):
        level_map = tokens.transpose(1, 2).unflatten(2, tuple(sizes[level]))
        golden.check(f'eval/encoder_level{level}', level_map, 5e-5)
    assert torch.equal(sizes.flip(0), torch.from_numpy(golden['eval/decoder_spatial_shapes']).long())
    golden.check('eval/mask_features', inputs['mask_features'], 5e-5)
    check_selection(golden, selection_calls)
    golden.check('eval/hidden', inputs['hidden_states'], 5e-5)
    golden.check('eval/references', inputs['references'], 1e-5)
    golden.check('eval/init_boxes', inputs['references'][0], 1e-5)

    logits, boxes, masks = golden.model.bbox_head(**inputs)
    golden.check('eval/pred_logits', logits, 1e-4)
    golden.check('eval/pred_boxes', boxes, 1e-5)
    golden.check('eval/pred_masks', masks, 3e-4)
    golden.check('eval/pred_masks_image0_first4', masks[0, :4], 3e-4)
    golden.check('eval/pred_masks_mean', masks.mean(dim=(2, 3)), 3e-4)
    golden.check('eval/pred_masks_area', (masks > 0).sum(dim=(2, 3)), 2)


@torch.no_grad()
def test_inference(golden):
    """Shapes of the images differ from the canvas here, where the reference norms boxes by the canvas."""
    golden.model.eval()
    outputs = golden.model.bbox_head(**golden.forward(golden.features(), golden.samples()))
    rows = zip(outputs[0][-1], outputs[1][-1], outputs[2], strict=True)
    for image, (logits, boxes, masks) in enumerate(rows):
        size = golden.inputs['eval_image_size'][image]
        shape = golden.inputs['eval_output_size'][image]
        ratio = torch.tensor([golden.canvas[1] / size[1], golden.canvas[0] / size[0]], dtype=torch.float)
        meta = dict(img_shape=size.tolist(), batch_input_shape=golden.canvas, ori_shape=shape.tolist())
        result = instance_results(logits, boxes * ratio.repeat(2), masks, meta, max_per_img=100)
        case = f'eval/inst{image}'
        assert result.masks.shape == (100, *golden[f'{case}/size'])
        golden.check(f'{case}/scores', result.scores, 2e-3)
        # Rows of almost equal score may change places: compare as sets of (label, box).
        limits = np.array([shape[1], shape[0]] * 2)
        expected = np.c_[golden[f'{case}/labels'] * 1e3, golden[f'{case}/boxes'].clip(0, limits)]
        actual = np.c_[result.labels.numpy() * 1e3, result.bboxes.numpy()]
        distance = np.abs(actual[:, None] - expected[None]).max(axis=-1)
        nearest = distance.argmin(axis=1)
        assert distance.min(axis=1).max() < 1e-3 * max(shape)
        area = result.masks.sum(dim=(1, 2)).numpy()
        assert sorted(nearest) == list(range(100))
        assert np.abs(area - golden[f'{case}/area'][nearest]).max() <= 2
        packed = golden[f'{case}/masks_packed_top8']
        top = np.unpackbits(packed, axis=-1)[..., : shape[1]].astype(bool)
        for row, place in enumerate(nearest):
            if place < 8:
                assert (result.masks[row].numpy() ^ top[place]).sum() <= 2


@torch.no_grad()
@pytest.mark.parametrize('golden', ['l4'], indirect=True)
def test_border_proposals(golden, selection_calls):
    """A canvas of one row of coarse cells, where proposals near the border are invalid."""
    golden.model.eval()
    meta = dict(img_shape=(32, 448), batch_input_shape=(32, 448))
    inputs = golden.forward(golden.features('strip/'), [DetDataSample(metainfo=meta)])
    check_selection(golden, selection_calls, 'strip')
    golden.check('strip/init_boxes', inputs['references'][0], 1e-5)
    logits, boxes, masks = golden.model.bbox_head(**inputs)
    golden.check('strip/pred_logits', logits[-1], 1e-4)
    golden.check('strip/pred_boxes', boxes[-1], 1e-5)
    golden.check('strip/pred_masks', masks, 3e-4)


def train(golden, monkeypatch, case, images=(0, 1, 2)):
    """One training pass; everything that the tests compare."""
    model = golden.model.train()
    if case == 'train_clean':
        model.dn_query_generator.label_noise_scale = model.dn_query_generator.box_noise_scale = 0
    features, samples = golden.features(images=list(images), grad=True), golden.samples(images)
    head = model.bbox_head
    calls = {
        'assign': spy(monkeypatch, head.assigner, 'assign'),
        'points': spy(monkeypatch, point_mask_loss, 'sample_uncertain_points'),
        'loss_mask': spy(monkeypatch, head.loss_points.loss_mask, 'forward'),
    }
    golden.fix_random_numbers(monkeypatch)
    inputs = golden.forward(features, samples)
    losses = head.loss(**inputs, batch_data_samples=samples)
    return features, samples, inputs, losses, calls


def check_losses(golden, case, losses):
    names = golden[f'{case}/loss_names'].tolist()
    assert {golden.names.our_loss(name) for name in names} == set(losses)
    for name, expected in zip(names, golden[f'{case}/loss_weighted'], strict=True):
        actual = losses[golden.names.our_loss(name)].item()
        # mmdet's GIoU of pixel boxes has no epsilon on the scale of normalised boxes.
        assert actual == pytest.approx(expected, rel=1e-4, abs=3e-5 if 'giou' in name else 1e-6), name
    assert sum(losses.values()).item() == pytest.approx(float(golden[f'{case}/loss_total']), rel=1e-5)


def check_gradients(golden, case, features, losses):
    sum(losses.values()).backward()
    names = golden[f'{case}/grad/names'].tolist()
    assert sorted(names) == sorted(golden.loaded)
    largest = float(np.abs(golden[f'{case}/grad/val']).max())
    for row, name in enumerate(names):
        grad = golden.model.get_parameter(golden.loaded[name]).grad
        norm = float(golden[f'{case}/grad/norm'][row])
        assert grad.norm().item() == pytest.approx(norm, rel=5e-4, abs=1e-6 * largest), name
        actual = grad.numpy().ravel()[golden[f'{case}/grad/idx'][row]]
        expected = golden[f'{case}/grad/val'][row]
        assert np.abs(actual - expected).max() <= 1e-2 * grad.abs().max().item() + 1e-12, name
        assert np.abs(actual - expected).max() <= 1e-3 * largest, name
    for stage, rows in zip((2, 3, 4, 5), features, strict=True):
        key = f'{case}/grad/input_res{stage}'
        np.testing.assert_allclose(
            rows.grad.flatten(1).norm(dim=1).numpy(), golden[f'{key}_norm'], rtol=5e-4, atol=1e-7, err_msg=key
        )
        golden.check(key, rows.grad, 1e-3 * float(rows.grad.abs().max()) + 1e-12)


def check_matching(golden, case, calls):
    costs = golden.model.bbox_head.assigner.match_costs
    stages, _ = stage_names(golden.config['decoder_layers'])
    assert len(calls['assign']) == 3 * len(stages)
    checked = 0
    for index, (args, assigned) in enumerate(calls['assign']):
        key = f'{case}/match/{stages[index // 3]}/{index % 3}'
        query = assigned.gt_inds.nonzero().squeeze(1)
        if f'{key}/query' not in golden:
            assert not len(query)
            continue
        parts = torch.stack([cost(*args[:2], img_meta=args[2]) for cost in costs])
        golden.check(f'{key}/cost', parts.sum(dim=0), 4e-4)
        if f'{key}/cost_parts' in golden:
            weights = torch.tensor([cost.weight for cost in costs])
            golden.check(f'{key}/cost_parts', parts / weights[:, None, None], 1e-4)
        assert query.tolist() == golden[f'{key}/query'].tolist()
        assert (assigned.gt_inds[query] - 1).tolist() == golden[f'{key}/target'].tolist()
        checked += 1
    assert checked == 2 * len(stages)


def check_points(golden, case, calls):
    matching, denoising = stage_names(golden.config['decoder_layers'])
    stages = [*matching, *denoising]
    for stage, (_, points), (values, _) in zip(stages, calls['points'], calls['loss_mask'], strict=True):
        logits, labels = (rows.reshape(points.shape[:2]) for rows in values[:2])
        means = torch.cat(
            [points.mean(dim=1), labels.mean(dim=1)[:, None], logits.abs().mean(dim=1)[:, None]], dim=1
        )
        golden.check(f'{case}/loss_points/{stage}/mean_x_y_label_abslogit', means, 1e-3)


def check_denoising(golden, case, samples, inputs):
    dn_meta = inputs['dn_meta']
    num_dn = int(golden[f'{case}/dn/pad_size'])
    num_groups = int(golden[f'{case}/dn/groups'])
    assert dn_meta == dict(num_denoising_queries=num_dn, num_denoising_groups=num_groups)

    targets = [InstanceTargets.from_sample(sample, torch.device('cpu')) for sample in samples]
    image, slot = golden[f'{case}/dn/image_of_known'], golden[f'{case}/dn/slot_in_padded']
    for index, (slots, objects) in enumerate(denoising_matches(targets, dn_meta)):
        assert sorted(slots.tolist()) == sorted(slot[image == index].tolist())
        clean = golden[f'{case}/dn/clean_label'][image == index]
        order = np.argsort(slot[image == index])
        assert targets[index].labels[objects].tolist() == clean[order].tolist()

    query, reference, blocked, _ = golden.model.dn_query_generator(samples, golden.config['num_queries'])
    golden.check(f'{case}/dn/query_box_logit', reference, 1e-4, rtol=1e-5)
    golden.check(f'{case}/dn/query_content', query, 1e-6)
    size = int(golden[f'{case}/dn/attn_mask_shape'][0])
    expected = np.unpackbits(golden[f'{case}/dn/attn_mask_packed'], axis=-1)[:, :size]
    assert np.array_equal(blocked.numpy(), expected.astype(bool))

    outputs = golden.model.bbox_head.predict_stages(
        inputs['hidden_states'], inputs['references'], inputs['class_states']
    )
    for part, rows in (('dn/', slice(None, num_dn)), ('', slice(num_dn, None))):
        if f'{case}/{part}pred_logits' not in golden:
            continue
        golden.check(f'{case}/{part}pred_logits', outputs.cls_scores[:, :, rows], 1e-4)
        golden.check(f'{case}/{part}pred_boxes', outputs.bbox_preds[:, :, rows], 1e-5)
        for index, embeds in enumerate(outputs.mask_embeds[:, :, rows]):
            golden.check(
                f'{case}/{part}pred_masks_{index}', mask_logits(embeds, inputs['mask_features']), 3e-4
            )


def test_training(golden, monkeypatch):
    features, samples, inputs, losses, calls = train(golden, monkeypatch, 'train')
    check_matching(golden, 'train', calls)
    check_points(golden, 'train', calls)
    check_denoising(golden, 'train', samples, inputs)
    check_losses(golden, 'train', losses)
    check_gradients(golden, 'train', features, losses)


def test_training_without_noise(golden, monkeypatch):
    _, samples, inputs, losses, calls = train(golden, monkeypatch, 'train_clean')
    check_matching(golden, 'train_clean', calls)
    check_points(golden, 'train_clean', calls)
    check_denoising(golden, 'train_clean', samples, inputs)
    check_losses(golden, 'train_clean', losses)


def test_training_without_objects(golden, monkeypatch):
    features, _, inputs, losses, calls = train(golden, monkeypatch, 'train_empty', images=[2])
    assert inputs['dn_meta'] == dict(num_denoising_queries=0, num_denoising_groups=0)
    assert not calls['points']
    check_losses(golden, 'train_empty', losses)
    check_gradients(golden, 'train_empty', features, losses)
