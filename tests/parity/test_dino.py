"""UniHema at its initial fusion state equals mmdet's DINO (contract 2 of the design)."""

import copy

import pytest
import torch
from mmdet.models import DINO, DINOHead
from mmdet.testing import demo_mm_inputs
from mmengine.config import Config
from mmengine.hub import get_config
from mmengine.registry import init_default_scope
from mmengine.runner import load_checkpoint

from unihema_mm.models.layers.box_encoding import BOX_ENCODING_WEIGHT, widen_box_encoding
from unihema_mm.registry import MODELS
from unihema_mm.utils.baseline import dino_baseline

ADDED = ('text_encoder.', 'text_refiner.')
SIZES = {'one image': [(96, 128)], 'equal sizes': [(96, 128)] * 2, 'padded': [(96, 128), (70, 101)]}


@pytest.fixture
def pair(repo, tiny_tokenizer):
    """Callable text_refiner changes -> (UniHema, DINO) with the same weights."""
    init_default_scope('unihema_mm')
    cfg = Config.fromfile(repo / 'configs/uni_hema/tiny/detector.py')
    cfg.model.text_encoder.tokenizer = str(tiny_tokenizer)

    def build(**refiner):
        ours_cfg = copy.deepcopy(cfg)
        ours_cfg.model.text_refiner.update(refiner)
        torch.manual_seed(0)
        ours = MODELS.build(copy.deepcopy(ours_cfg.model))
        ours.init_weights()
        dino = MODELS.build(dino_baseline(ours_cfg).model)
        assert type(dino) is DINO and type(dino.bbox_head) is DINOHead
        shared = {name: value for name, value in ours.state_dict().items() if not name.startswith(ADDED)}
        dino.load_state_dict(shared, strict=True)
        for model in (ours, dino):
            # Low scores for padding tokens, as in a trained DINO: mmdet would select
            # some of them in a random one, which UniHema never does.
            with torch.no_grad():
                padding_token = model.memory_trans_norm(model.memory_trans_fc.bias)
                branch = model.bbox_head.cls_branches[model.decoder.num_layers]
                branch.weight.copy_(
                    torch.randn(branch.weight.shape, generator=torch.Generator().manual_seed(1))
                )
                branch.weight.sub_(20 * padding_token / padding_token.square().sum())
        return ours, dino

    return build


def batch_for(model, sizes, num_items, training):
    torch.manual_seed(3)
    packed = demo_mm_inputs(len(sizes), [(3, *size) for size in sizes], num_classes=12, num_items=num_items)
    for sample in packed['data_samples']:
        sample.set_metainfo({'text': 'This image is for the detection of Malaria cells'})
    data = model.data_preprocessor(packed, training)
    return data['inputs'], data['data_samples']


@pytest.mark.parametrize('fusion', ['concat', 'gate'])
@pytest.mark.parametrize('sizes', SIZES.values(), ids=SIZES)
def test_scores_and_boxes(pair, sizes, fusion):
    ours, dino = (model.eval() for model in pair(fusion=fusion))
    images, samples = batch_for(ours, sizes, [4] * len(sizes), training=False)
    with torch.no_grad():
        expected = dino._forward(images, samples)
        actual = ours._forward(images, samples)
        torch.testing.assert_close(actual[0].sigmoid(), expected[0].sigmoid(), atol=1e-5, rtol=0)
        torch.testing.assert_close(actual[1], expected[1], atol=1e-5, rtol=0)
        expected = [copy.deepcopy(s.pred_instances) for s in dino.predict(images, samples, rescale=False)]
        actual = [s.pred_instances for s in ours.predict(images, samples, rescale=False)]
    for ours_result, dino_result in zip(actual, expected, strict=True):
        torch.testing.assert_close(ours_result.scores, dino_result.scores, atol=1e-5, rtol=0)
        torch.testing.assert_close(ours_result.bboxes / 128, dino_result.bboxes / 128, atol=1e-5, rtol=0)


@pytest.mark.parametrize('num_items', [[5, 3], [0, 6], [0, 0], [1, 70]])
@pytest.mark.parametrize('sizes', [SIZES['equal sizes'], SIZES['padded']], ids=['equal', 'padded'])
def test_training_losses(pair, sizes, num_items):
    ours, dino = (model.train() for model in pair())
    batch = batch_for(ours, sizes, num_items, training=True)
    torch.manual_seed(5)  # the noise of denoising
    actual = {name.removeprefix('det.'): value for name, value in ours.loss(*batch).items()}
    torch.manual_seed(5)
    expected = dino.loss(*batch)
    assert actual.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(
            actual[name], value, atol=1e-4, rtol=1e-4, msg=lambda text, name=name: f'{name}: {text}'
        )


def test_gradients_of_the_shared_part(pair):
    ours, dino = (model.train() for model in pair())
    batch = batch_for(ours, SIZES['padded'], [4, 6], training=True)
    for model in (ours, dino):
        torch.manual_seed(5)
        sum(model.loss(*batch).values()).backward()
    for name, param in dino.named_parameters():
        torch.testing.assert_close(ours.get_parameter(name).grad, param.grad, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize('published', [True, False], ids=['published shapes', 'shapes of this mmdet'])
def test_coco_checkpoint_of_mmdet_loads_without_renaming(repo, tiny_tokenizer, tmp_path, published):
    """The layout is that of mmdet's own config.

    OpenMMLab's published weights have its names, and its shapes but for one: the box encoding is half as
    wide as in onedl's mmdet.
    """
    init_default_scope('mmdet')
    coco = get_config('mmdet::dino/dino-4scale_r50_8xb2-12e_coco.py').model
    coco.backbone.init_cfg = None
    state = MODELS.build(dict(coco, _scope_='mmdet')).state_dict()
    torch.nn.init.normal_(state['level_embed'])  # mmdet leaves it unset, it may hold NaN
    if published:
        state[BOX_ENCODING_WEIGHT] = torch.randn(256, 512)

    init_default_scope('unihema_mm')
    cfg = Config.fromfile(repo / 'configs/uni_hema/detector.py').model
    cfg.backbone.init_cfg = None
    cfg.bbox_head.num_classes = 80
    cfg.text_encoder.update(model=dict(vocab_size=512, d_model=32, d_kv=8, num_layers=1, num_heads=4))
    cfg.text_encoder.tokenizer = str(tiny_tokenizer)
    model = MODELS.build(cfg)
    result = model.load_state_dict(dict(state), strict=False)
    assert not result.unexpected_keys
    assert result.missing_keys
    assert all(name.startswith(ADDED) for name in result.missing_keys)

    torch.save(dict(state_dict=state), tmp_path / 'coco.pth')
    load_checkpoint(model, str(tmp_path / 'coco.pth'), map_location='cpu')  # what load_from does
    if published:
        state[BOX_ENCODING_WEIGHT] = widen_box_encoding(state[BOX_ENCODING_WEIGHT])
    loaded = model.state_dict()
    assert all(torch.equal(loaded[name], value) for name, value in state.items())


def test_same_seed_same_start(repo, tiny_tokenizer):
    """The text branch does not disturb the random stream of the detector."""
    init_default_scope('unihema_mm')
    cfg = Config.fromfile(repo / 'configs/uni_hema/tiny/detector.py')
    cfg.model.text_encoder.tokenizer = str(tiny_tokenizer)
    states = []
    for model_cfg in (dino_baseline(cfg).model, cfg.model):
        torch.manual_seed(0)
        model = MODELS.build(model_cfg)
        model.init_weights()
        states.append(model.state_dict())
    dino, ours = states
    assert all(torch.equal(ours[name], value) for name, value in dino.items())
