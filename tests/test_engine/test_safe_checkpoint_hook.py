"""A kill while a checkpoint is written leaves the previous one to resume from."""

import os

import pytest
import torch
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import nn

from unihema_mm.utils.checkpoint import find_resume_checkpoint, read_checkpoint


class Toy(BaseModel):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 1)

    def forward(self, inputs, mode='loss'):
        return dict(loss=self.layer(inputs).square().mean())


def train(work_dir, epochs=3, **checkpoint):
    return Runner(
        model=Toy(),
        work_dir=str(work_dir),
        train_dataloader=torch.utils.data.DataLoader([dict(inputs=torch.ones(2))] * 2, batch_size=1),
        train_cfg=dict(by_epoch=True, max_epochs=epochs),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
        default_hooks=dict(checkpoint=dict(type='unihema_mm.SafeCheckpointHook', interval=1, **checkpoint)),
        experiment_name=f'{work_dir.name}_{epochs}_{os.getpid()}',
    ).train()


def files(work_dir):
    return sorted(path.name for path in work_dir.iterdir() if path.is_file() and path.suffix != '.py')


def test_keeps_the_newest(tmp_path):
    train(tmp_path / 'run', max_keep_ckpts=2)
    assert files(tmp_path / 'run') == ['epoch_2.pth', 'epoch_3.pth', 'last_checkpoint']
    assert find_resume_checkpoint(tmp_path / 'run').endswith('epoch_3.pth')


@pytest.mark.parametrize('moment', ['epoch_2.pth', 'last_checkpoint'])
def test_kill_during_the_second_checkpoint(tmp_path, monkeypatch, moment):
    replace = os.replace
    moves = []

    def killed(source, target):
        moves.append(target.name)
        if moves.count(moment) == (2 if moment == 'last_checkpoint' else 1) and target.name == moment:
            raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(os, 'replace', killed)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / 'run', max_keep_ckpts=1)
    last = find_resume_checkpoint(tmp_path / 'run')
    assert last.endswith('epoch_1.pth') and read_checkpoint(last)['meta']['epoch'] == 1


def test_left_overs_are_removed_and_what_another_program_writes_is_not(tmp_path):
    (tmp_path / 'run').mkdir()
    for name in ('.epoch_1.pth.abc.tmp', '.last_checkpoint.d_e.tmp', '.spent.json.x1y2.tmp'):
        (tmp_path / 'run' / name).write_bytes(b'half')
    train(tmp_path / 'run', epochs=1)
    assert files(tmp_path / 'run') == ['.spent.json.x1y2.tmp', 'epoch_1.pth', 'last_checkpoint']
