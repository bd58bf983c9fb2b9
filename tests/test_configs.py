"""Every config builds and takes one training step, and what stands beside its model can be built."""

from pathlib import Path

import pytest
import torch
from mmdet.testing import demo_mm_inputs
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.registry import init_default_scope
from mmengine.runner import BaseLoop

from unihema_mm.engine.stages import apply_stage
from unihema_mm.registry import DATASETS, HOOKS, LOOPS, METRICS, MODELS
from unihema_mm.structures.attributes import AttributeSchema

from .test_engine.test_stages.prepared_folders import box, image, write_split

ROOT = Path(__file__).resolve().parents[1]
ALL_CONFIGS = sorted((ROOT / 'configs').glob('[!_]*/**/*.py'))
# The baselines are models of other libraries; tests/test_tools/test_compare_single_task.py trains them.
CONFIGS = [path for path in ALL_CONFIGS if 'baselines' not in path.parts]
TINY_T5 = dict(vocab_size=512, d_model=32, d_kv=8, d_ff=64, num_layers=1, num_heads=4)
SMALL = (96, 128)


def without_downloads(node):
    """Drop every ``init_cfg`` below a config node, for backbones would fetch their weights."""
    if isinstance(node, dict):
        node.pop('init_cfg', None)
        for value in node.values():
            without_downloads(value)
    elif isinstance(node, list):
        for value in node:
            without_downloads(value)
    return node


def dataset_configs(node):
    """Every data set at and below a node, inside wrappers too."""
    if isinstance(node, dict):
        if 'ann_file' in node:
            yield node
        node = list(node.values())
    if isinstance(node, list):
        for value in node:
            yield from dataset_configs(value)


@pytest.fixture
def prepared(tmp_path):
    """Root of a data folder for every task, with the attributes of each model."""
    texts = dict(
        questions=[dict(question='Any?', answer='yes', answer_type='closed', generated=True)],
        sentences=[dict(masked='A <extra_id_0>.', completed='A cell.', generated=True)],
    )
    for schema in ('wbcatt', 'leukemia_attri'):
        info = dict(attributes=dict(AttributeSchema.build(schema).attributes))
        images = [
            image(1, 'det', 'morph', 'vqa', 'mlm', **texts),
            image(2, 'cls', class_name='neutrophil'),
            image(3, 'seg', masks=[dict(prompt='nucleus', file='masks/3.png')]),
        ]
        for split in ('train', 'val', 'test'):
            write_split(tmp_path / schema, split, images, ('WBC', 'neutrophil'), [box(1, 1)], info)
    return tmp_path


def test_configs_are_found():
    assert len(CONFIGS) >= 10


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: str(path.relative_to(ROOT / 'configs')))
def test_builds_and_takes_one_step(path, tiny_tokenizer):
    cfg = Config.fromfile(path)
    init_default_scope(cfg.default_scope)
    model_cfg = without_downloads(cfg.model)
    if 'text_encoder' in model_cfg:
        model_cfg.text_encoder.tokenizer = str(tiny_tokenizer)
        if isinstance(model_cfg.text_encoder.model, str):
            model_cfg.text_encoder.model = TINY_T5
    torch.manual_seed(0)
    model = MODELS.build(model_cfg)
    model.init_weights()
    model.train()
    classes = model.bbox_head.num_classes
    batch = demo_mm_inputs(
        2, [(3, *SMALL)] * 2, num_items=[3, 0], num_classes=classes, with_mask=True, with_semantic=True
    )
    for sample in batch['data_samples']:
        sample.gt_sem_seg.sem_seg.clamp_(max=1)
    data = model.data_preprocessor(batch, training=True)
    loss, _ = model.parse_losses(model.loss(data['inputs'], data['data_samples']))
    loss.backward()
    assert torch.isfinite(loss)
    trained = [param for param in model.parameters() if param.requires_grad]
    assert any(param.grad is not None and param.grad.abs().sum() > 0 for param in model.backbone.parameters())
    torch.optim.SGD(trained, lr=1e-4).step()
    assert all(torch.isfinite(param).all() for param in trained)


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_config_survives_a_dump(path, tmp_path):
    """What the runner stores beside a checkpoint describes the same model."""
    cfg = Config.fromfile(path)
    cfg.dump(tmp_path / 'config.py')
    assert Config.fromfile(tmp_path / 'config.py').model == cfg.model


@pytest.mark.parametrize('path', ALL_CONFIGS, ids=lambda path: str(path.relative_to(ROOT / 'configs')))
def test_parts_beside_the_model(path, prepared):
    """Data sets with their pipelines, metrics, hooks and loops can be built; no data is read."""
    cfg = Config.fromfile(path)
    if 'stage' in cfg:
        cfg.stage_data.root, cfg.stage.sets = str(prepared), 'all'
        assert {*cfg.stage.tasks} == {*apply_stage(cfg).tasks} <= {*cfg.model.tasks}
    init_default_scope(cfg.default_scope)
    for split in ('train', 'val', 'test'):
        datasets = list(dataset_configs(cfg[f'{split}_dataloader']))
        assert datasets
        for dataset in datasets:
            DATASETS.build({**dataset, 'lazy_init': True})
        assert issubclass(LOOPS.get(cfg[f'{split}_cfg'].type), BaseLoop)
    for split in ('val', 'test'):
        metrics = cfg[f'{split}_evaluator']
        for part in [metrics] if 'type' in metrics else metrics.values():
            for metric in part if isinstance(part, list) else [part]:
                METRICS.build(metric)
    for hook in cfg.custom_hooks:
        assert isinstance(HOOKS.build(hook), Hook)
    for hook in cfg.default_hooks.values():  # those that draw need the visualizer of a run
        assert issubclass(HOOKS.get(hook.type), Hook)
