"""What a step costs, counted on models whose costs are known, and the table of a family."""

import json
from uuid import uuid4

import pytest
import torch
from mmcv.ops import multi_scale_deform_attn
from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement
from torch import nn
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.data import Dataset

from unihema_mm.engine.hooks import StepCostHook
from unihema_mm.engine.stage_cost import CostOptions, cost_table, measure_stages
from unihema_mm.utils.errors import InputError

CONFIG = """
stage = dict(number={number}, name='part', trains=['encoder'], tasks=dict(cls=6), starts_from={starts})
resize = dict(type='mmdet.RandomChoiceResize', scales=[(480, 1333), (800, 1333), (512, 1333)])
choice = dict(type='RandomChoice', transforms=[[resize], [dict(type='mmdet.RandomCrop'), resize]])
stage_data = dict(
    root='data',
    cls=dict(
        train=dict(type='SmearCellDataset', pipeline=[dict(type='LoadSmearImage'), choice]),
        test=dict(type='SmearCellDataset', pipeline=[]),
        evaluator=dict(type='B')))
model = dict(type='UniHema')
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=24)
val_cfg = dict(type='MultiSetValLoop')
test_cfg = dict(type='MultiSetTestLoop')
default_hooks = dict(checkpoint=dict(interval=1))
custom_hooks = []
"""
TRAIN = """
import json, pathlib, sys
folder = pathlib.Path(sys.argv[3])
if pathlib.Path('broken').exists():
    print('error: the data are broken')
    sys.exit(2)
cost = dict(seconds=[1.0, 2.0], images=[[512, 512], [800, 1067], [512, 512]],
            flops=3e12, activation_bytes=2**31,
            trained_parameters=2e6, frozen_parameters=1e6, weight_bytes=2**30, gradient_bytes=2**29,
            optimizer_bytes=2**30)
(folder / 'step_cost.json').write_text(json.dumps(cost))
(folder / 'iter_2.pth').touch()
(folder / 'last_checkpoint').write_text('iter_2.pth')
"""
TEST = "import sys\nassert sys.argv[2].endswith('iter_2.pth')"


class Numbers(Dataset):
    def __len__(self):
        return 6

    def __getitem__(self, index):
        return dict(inputs=torch.ones(4), data_samples=BaseDataElement(metainfo=dict(img_shape=(5, 7))))


class Model(BaseModel):
    def __init__(self):
        super().__init__()
        self.frozen = nn.Linear(4, 8, bias=False).requires_grad_(False)
        self.first = nn.Linear(8, 16, bias=False)
        self.second = nn.Linear(16, 2, bias=False)

    def forward(self, inputs, data_samples=None, mode='tensor'):
        return dict(loss=self.second(self.first(self.frozen(torch.stack(inputs)))).sum())


def run(work_dir, epochs=1, **options):
    Runner(
        Model(),
        str(work_dir),
        train_dataloader=dict(
            dataset=Numbers(),
            batch_size=3,
            sampler=dict(type='DefaultSampler', shuffle=False),
            collate_fn=dict(type='pseudo_collate'),
        ),
        train_cfg=dict(by_epoch=True, max_epochs=epochs),
        optim_wrapper=dict(optimizer=dict(type='AdamW', lr=0.1)),
        custom_hooks=[StepCostHook(**options)],
        default_scope='mmengine',
        experiment_name=uuid4().hex,
        log_level='ERROR',
    ).train()
    return json.loads((work_dir / 'step_cost.json').read_text())


def test_a_step_is_counted(tmp_path):
    cost = run(tmp_path, epochs=2)
    trained, frozen = 8 * 16 + 16 * 2, 4 * 8
    assert (cost['trained_parameters'], cost['frozen_parameters']) == (trained, frozen)
    assert (cost['weight_bytes'], cost['gradient_bytes']) == (4 * (trained + frozen), 4 * trained)
    # Two moments of each value, and a counter of each of the two parameters.
    assert cost['optimizer_bytes'] == 2 * 4 * trained + 2 * 4
    # Kept for backward: the inputs of the two trained layers, three rows each.
    assert cost['activation_bytes'] == 3 * 4 * (8 + 16)
    # Forward of all, backward for both weights and for the input of the second layer.
    assert cost['flops'] == 2 * 3 * (frozen + trained + trained + 16 * 2)
    assert cost['images'] == [[5, 7]] * 3
    assert len(cost['seconds']) == 3 and min(cost['seconds']) > 0  # of four steps, the first is counted


def test_attention_keeps_what_the_kernel_keeps(tmp_path, monkeypatch):
    plain = multi_scale_deform_attn.multi_scale_deformable_attn_pytorch
    torch.manual_seed(0)
    shapes = torch.tensor([[6, 5], [3, 2]])
    inputs = [torch.rand(2, 36, 4, 8), torch.rand(2, 7, 4, 2, 3, 2), torch.rand(2, 7, 4, 2, 3)]

    def results(function):
        kept = []
        value, places, weights = (tensor.clone().requires_grad_() for tensor in inputs)
        with saved_tensors_hooks(lambda tensor: kept.append(tensor) or tensor, lambda tensor: tensor):
            output = function(value, shapes, places, weights)
        sizes = sum(tensor.nbytes for tensor in kept)
        output.square().sum().backward()
        return [output, value.grad, places.grad, weights.grad], sizes

    expected, plain_bytes = results(plain)
    hook = StepCostHook(kernel_memory=True)
    hook.before_train(None)
    found, kernel_bytes = results(
        lambda *arguments: multi_scale_deform_attn.multi_scale_deformable_attn_pytorch(*arguments)
    )
    hook._contexts.close()
    assert multi_scale_deform_attn.multi_scale_deformable_attn_pytorch is plain
    assert all(torch.allclose(one, other, atol=1e-6) for one, other in zip(found, expected, strict=True))
    assert kernel_bytes == shapes.nbytes + sum(tensor.nbytes for tensor in inputs) < plain_bytes


@pytest.fixture
def family(tmp_path, monkeypatch):
    """Folder of two stages, and programs that only pretend to train and test."""
    monkeypatch.chdir(tmp_path)
    record = dict(id=1, file_name='1.png', width=8, height=8, prompt='a', tasks=['cls'], class_name='blast')
    folder = tmp_path / 'data' / 'cells' / 'annotations'
    folder.mkdir(parents=True)
    for split in ('train', 'val', 'test'):
        document = dict(info=dict(dataset='cells'), images=[record], annotations=[], categories=[])
        (folder / f'{split}.json').write_text(json.dumps(document))
    (tmp_path / 'family').mkdir()
    for number, starts in ((1, []), (2, [dict(stage=1)])):
        (tmp_path / 'family' / f'stage{number}.py').write_text(CONFIG.format(number=number, starts=starts))
    (tmp_path / 'train.py').write_text(TRAIN)
    (tmp_path / 'test.py').write_text(TEST)
    return tmp_path / 'family'


def test_a_family_is_measured(family, tmp_path):
    said = []
    options = CostOptions(tmp_path, samples=1, for_gpu=True, say=said.append)
    costs = measure_stages(family, tmp_path / 'work', options)
    assert json.loads((tmp_path / 'work' / 'stage_cost.json').read_text()) == costs
    assert [cost['stage'] for cost in costs] == [1, 2] and min(cost['test_peak_bytes'] for cost in costs) > 0
    *_, row = cost_table(costs[1:]).splitlines()
    cells = [cell.strip() for cell in row.strip('|').split('|')]
    assert cells[:4] == ['2', '2 of 512x512, 1 of 800x1067', '2.0 M', '1.0 M']
    assert cells[6:] == ['1.5', '1.00', '1.50', '2.00', '3.00'] and said[-1] == row

    cfg = Config.fromfile(tmp_path / 'work' / 'configs' / 'stage2.py')
    assert cfg.train_dataloader.batch_sampler.composition == dict(cls=1)
    assert cfg.train_dataloader.batch_sampler.steps == 2 and cfg.train_cfg.max_epochs == 1
    assert cfg.val_dataloader is None and cfg.custom_hooks[-1] == dict(
        type='StepCostHook', kernel_memory=True
    )
    (train,) = cfg.train_dataloader.dataset.datasets.values()
    assert [step.type for step in train.pipeline] == ['LoadSmearImage', 'mmdet.RandomChoiceResize']
    assert train.pipeline[1].scales == [(800, 1333)]
    (test,) = cfg.test_dataloader.values()
    assert test.dataset.indices == 1


def test_the_steps_of_the_config_and_a_program_that_fails(family, tmp_path):
    measure_stages(family, tmp_path / 'work', CostOptions(tmp_path, [1], test=False, say=lambda text: None))
    cfg = Config.fromfile(tmp_path / 'work' / 'configs' / 'stage1.py')
    assert cfg.train_dataloader.batch_sampler.composition == dict(cls=6)
    (train,) = cfg.train_dataloader.dataset.datasets.values()
    assert train.pipeline[1].type == 'RandomChoice'
    assert not (tmp_path / 'work' / 'stage2').exists()
    (tmp_path / 'broken').touch()
    with pytest.raises(InputError, match=r'train\.py ended with exit code 2, see .*: the data are broken'):
        measure_stages(family, tmp_path / 'work', CostOptions(tmp_path, say=lambda text: None))
