"""Training log of a run whose steps have different tasks."""

import json
import re

import pytest
import torch
from mmengine.model import BaseModel
from torch import nn
from torch.utils.data import Dataset

from unihema_mm.engine.console_runner import ConsoleRunner

# Losses of each step; 'count' is none. The mean is over the last two steps that had the loss.
STEPS = [
    {'det.loss_cls': 1.0, 'det.d0.loss_cls': 2.0, 'det.count': 7.0},
    {'seg.loss_dice': 5.0},
    {'det.loss_cls': 3.0, 'det.d0.loss_cls': 4.0, 'det.count': 8.0, 'seg.loss_dice': 6.0},
    {'seg.loss_dice': 8.0},
]
TOTALS = [dict(det=3.0), dict(det=3.0, seg=5.0), dict(det=5.0, seg=5.5), dict(det=5.0, seg=7.0)]


class Model(BaseModel):
    def __init__(self, tasks):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))
        if tasks:
            self.tasks = nn.ModuleDict({key: nn.Identity() for key in tasks})

    def forward(self, inputs, mode='tensor'):
        return {name: value + 0 * self.weight.sum() for name, value in STEPS[int(inputs[0])].items()}


class Numbers(Dataset):
    def __len__(self):
        return len(STEPS)

    def __getitem__(self, index):
        return dict(inputs=torch.tensor([index]))


@pytest.fixture
def train(tmp_path, capfd):
    """Callable (tasks of the model, settings) -> printed lines and logged values of each step."""

    def run(tasks, **settings):
        runner = ConsoleRunner(
            model=Model(tasks),
            work_dir=str(tmp_path),
            train_dataloader=dict(
                batch_size=1,
                num_workers=0,
                sampler=dict(type='DefaultSampler', shuffle=False),
                dataset=Numbers(),
            ),
            train_cfg=dict(by_epoch=True, max_epochs=1),
            optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
            default_hooks=dict(logger=dict(type='LoggerHook', interval=1)),
            log_processor=dict(type='TaskLogProcessor', window_size=2, **settings),
            default_scope='unihema_mm',
            experiment_name=tmp_path.name,
        )
        runner.train()
        printed = ''.join(capfd.readouterr())
        lines = [line for line in printed.splitlines() if 'Epoch(train)' in line]
        (values,) = tmp_path.glob('*/vis_data/scalars.json')
        return lines, [json.loads(line) for line in values.read_text().splitlines()]

    return run


def losses_of(line):
    return {name: float(value) for name, value in re.findall(r'([\w.]*loss[\w.]*): ([\d.]+)', line)}


def test_one_number_per_task_is_printed_and_all_are_kept(train):
    lines, values = train(('det', 'seg', 'vqa'))
    assert len(lines) == len(values) == len(STEPS)
    for line, logged, totals in zip(lines, values, TOTALS, strict=True):
        shown = losses_of(line)
        assert shown.pop('loss') == logged['loss']
        assert shown == {f'{task}.loss': value for task, value in totals.items()}
        assert {name: logged[name] for name in shown} == shown
        assert 'det.count: ' in line and 'lr: ' in line and 'time: ' in line
    assert values[3]['det.loss_cls'] == 2.0 and values[3]['det.d0.loss_cls'] == 3.0
    assert 'det.loss_cls' in values[0] and 'seg.loss_dice' not in values[0]


def test_hierarchy(train):
    lines, values = train(('det', 'seg'), log_with_hierarchy=True)
    assert set(losses_of(lines[3])) == {'loss', 'det.loss', 'seg.loss'}
    assert values[3]['train/det.loss'] == 5.0 and values[3]['train/det.loss_cls'] == 2.0


def test_a_model_without_tasks_is_logged_as_by_mmengine(train):
    lines, values = train(())
    assert set(losses_of(lines[0])) == {'loss', 'det.loss_cls', 'det.d0.loss_cls'}
    assert 'det.loss' not in values[0]
