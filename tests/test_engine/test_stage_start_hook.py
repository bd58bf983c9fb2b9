"""A stage starts from its starting points once, and tells the next stage what its outputs stand for."""

import json
from uuid import uuid4

import pytest
import torch
from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.runner import Runner
from safetensors.torch import save_file
from torch import nn
from torch.utils.data import Dataset

from unihema_mm.engine.hooks import (
    LabelSpacesHook,
    SafeCheckpointHook,
    StageStartHook,
    TrainableTableHook,
)
from unihema_mm.engine.hooks.stage_start_hook import check_starts
from unihema_mm.utils.checkpoint import read_checkpoint
from unihema_mm.utils.errors import InputError

CLASSES = ('RBC', 'WBC')


class Numbers(Dataset):
    def __init__(self, task, classes):
        self.tasks, self.metainfo = (task,), dict(classes=classes)

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return dict(inputs=torch.full((3,), float(index)))


class Cells(nn.Module):
    def __init__(self):
        super().__init__()
        self.num_classes = 2
        self.head = nn.Linear(3, 2)
        self.head.num_classes = 2


class Model(BaseModel):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Linear(3, 3)
        self.tasks = nn.ModuleDict({'cls': Cells(), 'text': nn.Linear(3, 1)})

    def forward(self, inputs, mode='tensor'):
        features = self.backbone(inputs)
        return dict(
            loss=self.tasks['cls'].head(features).square().mean() + self.tasks['text'](features).mean()
        )


def make_runner(work_dir, hook=None, task='cls', classes=CLASSES, epochs=1, **options):
    torch.manual_seed(3)
    return Runner(
        Model(),
        str(work_dir),
        train_dataloader=dict(
            dataset=Numbers(task, classes),
            batch_size=1,
            sampler=dict(type='DefaultSampler', shuffle=False),
            collate_fn=dict(type='default_collate'),
        ),
        train_cfg=dict(by_epoch=True, max_epochs=epochs),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
        default_hooks=dict(logger=None, checkpoint=SafeCheckpointHook(interval=1)),
        custom_hooks=[TrainableTableHook(), LabelSpacesHook(), hook or StageStartHook()],
        default_scope='mmengine',
        experiment_name=uuid4().hex,
        log_level='ERROR',
        **options,
    )


@pytest.fixture
def first(tmp_path):
    """Work folder of a finished first stage."""
    make_runner(tmp_path / 'stage1').train()
    return tmp_path / 'stage1'


def start(checkpoint, **changes):
    return StageStartHook(
        **{'starts': [dict(checkpoint=str(checkpoint), modules=['backbone', 'tasks'])], **changes}
    )


class Stop(Exception):
    pass


def started(runner, monkeypatch):
    """State dict before the first step."""

    def stop(*_, **__):
        raise Stop

    with monkeypatch.context() as patch:
        patch.setattr(
            runner,
            'call_hook',
            lambda name, **kw: (
                stop() if name == 'before_train_epoch' else Runner.call_hook(runner, name, **kw)
            ),
        )
        with pytest.raises(Stop):
            runner.train()
    return runner.model.state_dict()


def equal(one, other):
    return all(torch.equal(one[name], value) for name, value in other.items())


@pytest.mark.parametrize('resume', [False, True])  # True: --resume before there is a checkpoint
def test_a_fresh_run_starts_from_the_last_checkpoint_of_a_work_folder(first, tmp_path, monkeypatch, resume):
    runner = make_runner(tmp_path / 'stage2', start(first), resume=resume)
    weights = read_checkpoint(first / 'epoch_1.pth')['state_dict']
    assert equal(started(runner, monkeypatch), weights)
    report = json.loads((tmp_path / 'stage2' / 'start_report.json').read_text())
    assert [row['part'] for row in report['parts']] == ['backbone', 'tasks.cls', 'tasks.text']
    (file,) = report['starts']
    assert file['checkpoint'] == str(first / 'epoch_1.pth') and len(file['sha256']) == 64
    assert file['modules'] == ['backbone', 'tasks']
    hooks = [type(hook) for hook in runner.hooks]
    assert hooks.index(StageStartHook) < hooks.index(TrainableTableHook)


def test_a_resumed_run_does_not_start_again(first, tmp_path):
    whole = make_runner(tmp_path / 'whole', start(first), epochs=2)
    whole.train()
    broken = tmp_path / 'broken'
    make_runner(broken, start(first)).train()
    report = (broken / 'start_report.json').read_bytes()
    for path in first.iterdir():  # even if the starting point has gone
        if path.is_file():
            path.unlink()
    resumed = make_runner(
        broken,
        start(first),
        epochs=2,
        task='text',
        classes=None,
        resume=True,
        load_from=str(broken / 'epoch_1.pth'),
    )
    resumed.train()
    assert equal(resumed.model.state_dict(), whole.model.state_dict())
    assert (broken / 'start_report.json').read_bytes() == report
    meta = read_checkpoint(broken / 'epoch_2.pth')['meta']
    assert meta['label_spaces'] == {'tasks.cls.head': dict(classes=list(CLASSES))}


def test_classes_go_with_the_heads(first, tmp_path):
    """Stage 2 has no classes in its data, stage 3 has other ones."""
    second = tmp_path / 'stage2'
    make_runner(second, start(first), task='text', classes=None).train()
    third = make_runner(tmp_path / 'stage3', start(second), classes=CLASSES[::-1])
    with pytest.raises(InputError, match=r"tasks\.cls\.head was trained .* class 'WBC' here and class 'RBC'"):
        third.train()
    make_runner(
        tmp_path / 'stage4', start(second, initialised=['tasks.cls.head']), classes=CLASSES[::-1]
    ).train()
    meta = read_checkpoint(tmp_path / 'stage4' / 'epoch_1.pth')['meta']
    assert meta['label_spaces'] == {'tasks.cls.head': dict(classes=list(CLASSES[::-1]))}


def test_published_weights_and_files(first, tmp_path, monkeypatch):
    weights = read_checkpoint(first / 'epoch_1.pth')['state_dict']
    published = tmp_path / 'published'
    published.mkdir()
    other = {name: value + 1 for name, value in weights.items()}
    save_file(other, published / 'model.safetensors')
    assert equal(started(make_runner(tmp_path / 'a', start(published)), monkeypatch), other)
    assert equal(started(make_runner(tmp_path / 'b', start(first / 'epoch_1.pth')), monkeypatch), weights)


def test_a_stage_that_is_not_trained_yet(tmp_path):
    runner = make_runner(tmp_path / 'stage3', start(tmp_path / 'stage1'))
    with pytest.raises(
        InputError, match=r'no checkpoint to start from; .* tools/train\.py CONFIG --work-dir'
    ):
        runner.train()
    (tmp_path / 'stage1.py').touch()
    runner = make_runner(tmp_path / 'stage3', start(tmp_path / 'stage1'))
    object.__setattr__(runner.cfg, '_filename', str(tmp_path / 'stage3.py'))
    with pytest.raises(
        InputError, match=rf'tools/train\.py {tmp_path}/stage1\.py --work-dir {tmp_path}/stage1$'
    ):
        runner.train()
    runner = make_runner(tmp_path / 'stage3', start(tmp_path / 'stage1.pth'))
    with pytest.raises(InputError, match=r'stage1\.pth: checkpoint not found'):
        runner.train()


def test_a_missing_start_is_told_before_a_model_is_built(first, tmp_path):
    def config(*places, kind='StageStartHook'):
        starts = [dict(checkpoint=str(place), modules=['backbone']) for place in places]
        return Config(dict(custom_hooks=[dict(type='TrainableTableHook'), dict(type=kind, starts=starts)]))

    check_starts(Config(dict(model=dict(type='UniHema'))))
    check_starts(config())
    for kind in ('StageStartHook', StageStartHook):
        check_starts(config(first, first / 'epoch_1.pth', 'torchvision://resnet50', kind=kind))
        with pytest.raises(InputError, match=r'stage2: no checkpoint to start from; train that stage first'):
            check_starts(config(first, tmp_path / 'stage2', kind=kind))
    with pytest.raises(InputError, match=r'absent\.pth: checkpoint not found'):
        check_starts(config(first / 'absent.pth'))


def test_one_way_to_start(first, tmp_path):
    runner = make_runner(tmp_path / 'stage2', start(first), load_from=str(first / 'epoch_1.pth'))
    with pytest.raises(InputError, match=r'load_from is set beside the starting points'):
        runner.train()
    with pytest.raises(InputError, match='write dict'):
        StageStartHook(starts=[dict(stage=1, modules=['backbone'])])
