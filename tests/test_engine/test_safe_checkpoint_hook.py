"""A kill while a checkpoint is written leaves the previous one to resume from."""

import os
import shutil
from uuid import uuid4

import pytest
import torch
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import nn

from unihema_mm.engine.hooks import SafeCheckpointHook
from unihema_mm.engine.hooks.safe_checkpoint_hook import AtomicLocalBackend
from unihema_mm.utils.checkpoint import find_result_checkpoint, find_resume_checkpoint, read_checkpoint
from unihema_mm.utils.errors import InputError


class Toy(BaseModel):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 1)

    def forward(self, inputs, mode='loss'):
        loss = self.layer(inputs).square().mean()
        return [loss] if mode == 'predict' else dict(loss=loss)


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


class Scores(BaseMetric):
    """The given score of each epoch."""

    def __init__(self, scores):
        super().__init__()
        self.scores = scores

    def process(self, data_batch, data_samples):
        self.results.append(0)

    def compute_metrics(self, results):
        return dict(score=self.scores[self.epoch()])


def scored(work_dir, scores, resume=False):
    metric = Scores(scores)
    runner = Runner(
        model=Toy(),
        work_dir=str(work_dir),
        train_dataloader=torch.utils.data.DataLoader([dict(inputs=torch.ones(2))] * 2, batch_size=1),
        val_dataloader=torch.utils.data.DataLoader([dict(inputs=torch.ones(2))], batch_size=1),
        train_cfg=dict(by_epoch=True, max_epochs=len(scores)),
        val_cfg={},
        val_evaluator=Evaluator([metric]),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
        default_hooks=dict(
            checkpoint=SafeCheckpointHook(
                interval=1, max_keep_ckpts=1, save_best='score', rule='greater', result='best'
            )
        ),
        load_from=find_resume_checkpoint(work_dir) if resume else None,
        resume=resume,
        experiment_name=uuid4().hex,
    )
    metric.epoch = lambda: runner.epoch - 1
    runner.train()


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


def test_the_best_one_goes_when_the_new_one_is_there(tmp_path, monkeypatch):
    present, put = [], AtomicLocalBackend.put

    def seen(self, content, path):
        put(self, content, path)
        present.append(sorted(path.name for path in (tmp_path / 'run').glob('best_*')))

    monkeypatch.setattr(AtomicLocalBackend, 'put', seen)
    scored(tmp_path / 'run', [1.0, 3.0, 2.0, 4.0])
    best = [f'best_score_epoch_{epoch}.pth' for epoch in (1, 2, 4)]
    order = [names for number, names in enumerate(present) if not number or names != present[number - 1]]
    assert order == [[], best[:1], best[:2], best[1:2], best[1:]]
    assert files(tmp_path / 'run')[0] == best[2] == (tmp_path / 'run' / 'result_checkpoint').read_text()


@pytest.mark.parametrize('moved', [False, True])
def test_a_copied_folder_goes_on_with_its_own_files(tmp_path, moved):
    scored(tmp_path / 'a', [3.0, 1.0])
    (shutil.move if moved else shutil.copytree)(tmp_path / 'a', tmp_path / 'b')
    assert find_resume_checkpoint(tmp_path / 'b') == str(tmp_path / 'b' / 'epoch_2.pth')
    before = files(tmp_path / 'a') if not moved else None
    scored(tmp_path / 'b', [3.0, 1.0, 4.0], resume=True)
    assert moved or files(tmp_path / 'a') == before
    assert find_result_checkpoint(tmp_path / 'b') == str(tmp_path / 'b' / 'best_score_epoch_3.pth')
    assert not (tmp_path / 'b' / 'best_score_epoch_1.pth').exists()


def test_a_best_checkpoint_that_has_gone_is_told(tmp_path):
    scored(tmp_path, [3.0])
    (tmp_path / 'best_score_epoch_1.pth').unlink()
    with pytest.raises(InputError, match=r'best_score_epoch_1\.pth: the best checkpoint has gone'):
        scored(tmp_path, [3.0, 1.0], resume=True)
    assert not (tmp_path / 'result_checkpoint').exists()
    with pytest.raises(InputError, match='out_dir'):
        SafeCheckpointHook(interval=1, save_best='score', result='best', out_dir='elsewhere')


def test_left_overs_are_removed_and_what_another_program_writes_is_not(tmp_path):
    (tmp_path / 'run').mkdir()
    for name in ('.epoch_1.pth.abc.tmp', '.last_checkpoint.d_e.tmp', '.spent.json.x1y2.tmp'):
        (tmp_path / 'run' / name).write_bytes(b'half')
    train(tmp_path / 'run', epochs=1)
    assert files(tmp_path / 'run') == ['.spent.json.x1y2.tmp', 'epoch_1.pth', 'last_checkpoint']
