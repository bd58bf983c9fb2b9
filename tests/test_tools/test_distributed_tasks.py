"""Two processes with gloo, whose steps mix tasks and whose data differ."""

import json
import os
import socket

import pytest
import torch

from unihema_mm.datasets.synthetic.corpus import generate_corpus

PARTS = '''
import torch
from mmengine.hooks import Hook
from mmengine.registry import HOOKS


@HOOKS.register_module()
class DumpRank(Hook):
    """Write the weights of every rank, and what its steps held."""

    def before_train(self, runner):
        self.start = {name: value.clone() for name, value in runner.model.module.state_dict().items()}
        self.steps, self.objects = [], 0

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        samples = data_batch['data_samples']
        self.steps.append([sample.tasks for sample in samples])
        self.objects += sum(len(sample.gt_instances) for sample in samples if 'det' in sample.tasks)

    def after_train(self, runner):
        weights = runner.model.module.state_dict()
        moved = {name.split('.')[0] for name in weights if not torch.equal(weights[name], self.start[name])}
        content = dict(weights=weights, moved=moved, steps=self.steps, objects=self.objects)
        torch.save(content, f'rank_{runner.rank}.pth')
'''
# The second process has the same images, but no objects on them.
CONFIG = """
import os
_base_ = [{models!r}, {runtime!r}]
custom_imports = dict(imports=['dump_rank'])
custom_hooks = [dict(type=kind) for kind in (
    'ClassCountHook', 'DetectionBudgetHook', 'StopOnNonFiniteLossHook', 'ExactResumeHook',
    'SameTasksHook', 'DumpRank')]
model = dict(
    num_queries=20,
    backbone=dict(base_channels=32),
    neck=dict(in_channels=[64, 128, 256]),
    encoder=dict(num_layers=1),
    decoder=dict(num_layers=2),
    bbox_head=dict(num_classes=12),
    text_encoder=dict(tokenizer={tokenizer!r}),
    dn_cfg=dict(group_cfg=dict(num_dn_queries=10)),
    test_cfg=dict(max_per_img=20),
    tasks=dict(
        inst=dict(shallow_dims=32, loss_points=dict(num_points=64)),
        seg=dict(finder=dict(shallow_dims=64)),
    ),
)
load = dict(type='LoadSmearImage')
shrink = dict(type='mmdet.Resize', scale=(64, 48), keep_ratio=True)
pack = dict(type='PackSmearInputs')
data = dict(data_root={root!r}, ann_file='annotations/train_' + os.environ['LOCAL_RANK'] + '.json')
datasets = dict(
    det=dict(data, type='SmearDetDataset', tasks=('det', 'inst'), folder='images/fields',
             pipeline=[load, dict(type='LoadCellAnnotations', with_bbox=True, with_mask=True), shrink, pack]),
    cls=dict(data, type='SmearCellDataset', pipeline=[load, shrink, pack]),
    seg=dict(data, type='SmearMaskDataset', pipeline=[load, dict(type='LoadCellMask'), shrink, pack]),
    vqa=dict(data, type='SmearTextDataset', task='vqa', pipeline=[load, shrink, pack]),
)
train_dataloader = dict(
    num_workers=0,
    batch_size={batch_size},
    sampler=dict(type='DefaultSampler', shuffle=False),
    batch_sampler={batch_sampler!r},
    dataset=dict(type='MultiSetDataset', datasets=datasets),
)
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=1)
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='AdamW', lr=1e-4), clip_grad=dict(max_norm=1.0))
default_hooks = dict(
    logger=dict(interval=1), checkpoint=dict(_delete_=True, type='SafeCheckpointHook', interval=1))
find_unused_parameters = True
"""
COMPOSITION = [dict(det=1, vqa=1), dict(cls=2), dict(seg=2, vqa=1), dict(vqa=1, cls=1), dict(det=2)]
STEPS = 6
KEYS = dict(det=('det', 'inst'), cls=('cls',), seg=('seg',), vqa=('vqa',))


@pytest.fixture
def mixed_config(repo, tiny_tokenizer, tmp_path):
    """Callable (batch size, batch sampler) -> config of a very small model on four sets of the corpus."""

    def make(batch_size, batch_sampler):
        root = tmp_path / 'corpus'
        generate_corpus(root, num=5, cells=5, progress=False)
        document = json.loads((root / 'annotations' / 'train.json').read_text())
        for rank, objects in enumerate((document['annotations'], [])):
            path = root / 'annotations' / f'train_{rank}.json'
            path.write_text(json.dumps({**document, 'annotations': objects}))
        (tmp_path / 'dump_rank.py').write_text(PARTS)
        bases = repo / 'configs' / '_base_'
        path = tmp_path / 'mixed.py'
        path.write_text(
            CONFIG.format(
                models=str(bases / 'models' / 'uni_hema_tiny_all_tasks.py'),
                runtime=str(bases / 'default_runtime.py'),
                tokenizer=str(tiny_tokenizer),
                root=str(root),
                batch_size=batch_size,
                batch_sampler=batch_sampler,
            )
        )
        return path

    return make


@pytest.fixture
def environment():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return dict(
            PORT=str(probe.getsockname()[1]), OMP_WAIT_POLICY=os.environ.get('OMP_WAIT_POLICY', 'PASSIVE')
        )


def test_steps_of_changing_tasks_end_with_equal_weights(mixed_config, run_tool, tmp_path, environment):
    sampler = dict(type='TaskBatchSampler', composition=COMPOSITION, steps=STEPS)
    done = run_tool('dist_train.sh', mixed_config(3, sampler), 2, environment=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    first, second = (torch.load(tmp_path / f'rank_{rank}.pth') for rank in (0, 1))
    expected = [
        [KEYS[name] for name, count in COMPOSITION[step % len(COMPOSITION)].items() for _ in range(count)]
        for step in range(STEPS)
    ]
    assert first['steps'] == second['steps'] == expected
    assert first['objects'] > 0 and second['objects'] == 0
    assert first['moved'] >= {'backbone', 'neck', 'encoder', 'decoder', 'bbox_head', 'text_decoder', 'tasks'}
    different = [
        name for name, value in first['weights'].items() if not torch.equal(value, second['weights'][name])
    ]
    assert not different

    (scalars,) = (tmp_path / 'work_dirs' / 'mixed').glob('*/vis_data/scalars.json')
    logged = [json.loads(line) for line in scalars.read_text().splitlines()]
    assert [('det.loss' in line, 'cls.loss' in line) for line in logged[:2]] == [(True, False), (True, True)]
    assert {'det.loss', 'inst.loss', 'cls.loss', 'seg.loss', 'vqa.loss', 'vqa.loss_text'} <= set(logged[-1])


def test_batches_of_different_tasks_are_one_clear_error(mixed_config, run_tool, environment):
    """Without the sampler the processes take turns through the images; one alone is for detection."""
    config = mixed_config(1, None)
    options = ['--cfg-options', 'train_dataloader.dataset.datasets.det.indices=1']
    done = run_tool('dist_train.sh', config, 2, *options, environment=environment)
    assert done.returncode != 0
    message = (
        'iteration 1: the processes have batches of different tasks (rank 0: det+inst; rank 1: cls); use a '
        'sampler of train_dataloader that gives all processes the same tasks in a step'
    )
    lines = [line for line in done.stderr.splitlines() if message in line]
    assert lines and set(lines) == {f'error: {message}'}
