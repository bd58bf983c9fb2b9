"""A training that ends when its score has stopped improving, killed or not."""

import json
from uuid import uuid4

import pytest
import torch
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import Dataset

from unihema_mm.utils.checkpoint import find_result_checkpoint, find_resume_checkpoint, read_checkpoint
from unihema_mm.utils.errors import InputError

PLATEAU = [10, 20, 20.1, 20.15, 20.1, 90, 90, 90]
RISING = [10, 20, 30, 40, 50, 60, 70, 80]


class Numbers(Dataset):
    metainfo = dict(classes=('a',))

    def __init__(self, count):
        self.count = count

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        return dict(inputs=torch.full((2,), float(index)))


class Model(BaseModel):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 1)
        self.dropout = nn.Dropout(0.5)
        self.modes = []

    def forward(self, inputs, mode='tensor'):
        self.modes.append((mode, self.training))
        loss = self.dropout(self.layer(inputs)).square().mean()
        return dict(loss=loss) if mode == 'loss' else [dict(loss=loss)]


class Given(BaseMetric):
    """Gives the scores of a list, by the step: ``every`` steps the next one."""

    def __init__(self, scores, every, hub):
        super().__init__()
        self.scores, self.every, self.hub = scores, every, hub

    def process(self, data_batch, data_samples):
        self.results.append(0)

    def compute_metrics(self, results):
        return dict(weighted_f1=self.scores[self.hub().iter // self.every - 1] / 100)


class Kill(Hook):
    """Ends the run at a step: before the validation, within it, or in the step after."""

    priority = 'LOWEST'

    def __init__(self, step, moment):
        self.step, self.moment = step, moment

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self._end(runner, runner.iter + 1, 'step')

    def before_val(self, runner):
        self._end(runner, runner.iter, 'validation')

    def after_val(self, runner):
        self._end(runner, runner.iter, 'end')

    def _end(self, runner, step, moment):
        if (step, moment) == (self.step, self.moment):
            raise KeyboardInterrupt


class Rates(Hook):
    def __init__(self):
        self.seen = {}

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self.seen[runner.iter] = runner.optim_wrapper.get_lr()['lr'][0]


def loader(batch_size, shuffle, count):
    sampler = dict(type='DefaultSampler', shuffle=shuffle)
    return dict(
        dataset=Numbers(count),
        sampler=sampler,
        batch_size=batch_size,
        num_workers=0,
        collate_fn=dict(type='default_collate'),
    )


def make_runner(
    work_dir, scores=PLATEAU, hooks=(), auto=True, epochs=2, checks=8, checkpoint=(), patience=3, resume=False
):
    """Two epochs of 12 steps; a validation after every third one, in the middle of an epoch too."""
    torch.manual_seed(3)
    train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=epochs)
    own = [dict(type='ExactResumeHook')]
    save = dict(type='SafeCheckpointHook', by_epoch=False, interval=2, max_keep_ckpts=2) | dict(checkpoint)
    if auto:
        train_cfg = dict(type='CheckedTrainLoop', max_epochs=epochs, checks=checks)
        own.append(dict(type='MoveOnHook', tasks=['cls', 'det'], patience=patience))
        save |= dict(save_best='stage/score', rule='greater', result='best')
    holder = []
    metric = Given(scores, 12 * epochs // checks, lambda: holder[0])
    runner = Runner(
        Model(),
        str(work_dir),
        default_scope='unihema_mm',
        train_dataloader=loader(1, True, 12),
        train_cfg=train_cfg,
        optim_wrapper=dict(optimizer=dict(type='Adam', lr=0.1)),
        param_scheduler=[
            dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=5),
            dict(type='MultiStepLR', by_epoch=True, milestones=[1]),
            dict(type='CosineAnnealingLR', by_epoch=True, eta_min_ratio=0.02, convert_to_iter_based=True),
        ],
        val_dataloader=dict(cls_a=loader(3, False, 6)),
        val_evaluator=dict(cls_a=[metric]),
        val_cfg=dict(type='MultiSetValLoop'),
        default_hooks=dict(
            checkpoint=save, logger=dict(type='LoggerHook', interval=1, log_metric_by_epoch=False)
        ),
        custom_hooks=[*own, *hooks],
        randomness=dict(seed=1),
        resume=resume,
        load_from=find_resume_checkpoint(work_dir) if resume else None,
        experiment_name=uuid4().hex,
    )
    holder.append(runner)
    return runner


def weights(path):
    return read_checkpoint(path)['state_dict']['layer.weight'].tolist()


def moved_on(work_dir):
    return json.loads((work_dir / 'moved_on.json').read_text())


def test_ends_on_a_plateau_and_gives_the_best(tmp_path):
    runner = make_runner(tmp_path)
    model = runner.train()
    content = moved_on(tmp_path)
    assert (content['steps'], content['planned']) == (15, 24) and runner.iter == 15
    assert content['reason'] == 'the score has not improved by 0.2 points in the last 3 checks'
    assert [step for step, _ in content['checks']] == [3, 6, 9, 12, 15]
    assert [score for _, score in content['checks']] == pytest.approx(PLATEAU[:5])
    assert find_result_checkpoint(tmp_path).endswith('best_stage_score_iter_12.pth')  # 20.15
    assert find_resume_checkpoint(tmp_path) != find_result_checkpoint(tmp_path)
    assert all(training is (mode == 'loss') for mode, training in model.modes)
    lines = [
        json.loads(line) for line in next(tmp_path.glob('*/vis_data/scalars.json')).read_text().splitlines()
    ]
    assert [line['step'] for line in lines if 'stage/score' in line] == [3, 6, 9, 12, 15]


def test_goes_on_to_the_end_while_it_improves(tmp_path):
    make_runner(tmp_path, RISING).train()
    content = moved_on(tmp_path)
    assert content['steps'] == content['planned'] == 24 and len(content['checks']) == 8
    assert content['reason'] == 'it has reached its planned length'
    assert find_result_checkpoint(tmp_path).endswith('best_stage_score_iter_24.pth')


@pytest.mark.parametrize('by_epoch', [True, False])
@pytest.mark.parametrize(
    ('step', 'moment'),
    [
        (5, 'step'),
        (12, 'step'),
        (12, 'validation'),
        (12, 'end'),
        (14, 'step'),
        (15, 'validation'),
        (15, 'end'),
    ],
)
def test_killed_and_resumed(tmp_path, step, moment, by_epoch):
    checkpoint = dict(by_epoch=True, interval=1) if by_epoch else {}
    make_runner(tmp_path / 'whole', checkpoint=checkpoint).train()
    with pytest.raises(KeyboardInterrupt):
        make_runner(tmp_path / 'cut', hooks=[Kill(step, moment)], checkpoint=checkpoint).train()
    assert not (tmp_path / 'cut' / 'result_checkpoint').exists()
    resume = find_resume_checkpoint(tmp_path / 'cut') is not None
    model = make_runner(tmp_path / 'cut', checkpoint=checkpoint, resume=resume).train()
    whole, cut = (moved_on(tmp_path / name) for name in ('whole', 'cut'))
    assert cut == whole and cut['steps'] == 15
    found = [find_result_checkpoint(tmp_path / name) for name in ('whole', 'cut')]
    assert weights(found[0]) == weights(found[1])
    assert all(training is (mode == 'loss') for mode, training in model.modes)


def test_ended_run_that_is_resumed_ends_again(tmp_path):
    make_runner(tmp_path, [20, 10, 10, 30, 10, 10, 10, 10]).train()
    before, best = moved_on(tmp_path), weights(find_result_checkpoint(tmp_path))
    assert before['steps'] == 21
    make_runner(tmp_path, [20, 10, 10, 30, 10, 10, 10, 10], resume=True).train()
    assert moved_on(tmp_path) == before and weights(find_result_checkpoint(tmp_path)) == best


def test_a_fixed_training_has_the_same_weights_and_learning_rates(tmp_path):
    auto, fixed = Rates(), Rates()
    make_runner(tmp_path / 'auto', RISING, hooks=[auto]).train()
    make_runner(tmp_path / 'fixed', RISING, hooks=[fixed], auto=False, checks=2).train()
    assert auto.seen == fixed.seen and len(auto.seen) == 24
    assert weights(find_resume_checkpoint(tmp_path / 'auto')) == weights(tmp_path / 'fixed' / 'iter_24.pth')


def test_a_fixed_training_in_the_same_folder_takes_its_last_checkpoint(tmp_path):
    make_runner(tmp_path).train()
    make_runner(tmp_path, RISING, auto=False, checks=2).train()
    assert (
        find_result_checkpoint(tmp_path) == find_resume_checkpoint(tmp_path) == str(tmp_path / 'iter_24.pth')
    )


def test_fewer_steps_than_checks(tmp_path):
    make_runner(tmp_path, [1] * 12, epochs=1, checks=12).train()
    assert [step for step, _ in moved_on(tmp_path)['checks']] == [1, 2, 3, 4]
    make_runner(tmp_path / 'more', [*range(0, 12)], epochs=1, checks=12, patience=99).train()
    assert len(moved_on(tmp_path / 'more')['checks']) == 12


def test_score_that_is_no_number(tmp_path):
    make_runner(tmp_path, [10, float('nan')] * 4).train()
    assert (
        moved_on(tmp_path)['steps'] == 6 and moved_on(tmp_path)['reason'] == 'the score is no finite number'
    )
    assert find_result_checkpoint(tmp_path).endswith('iter_3.pth')


def test_nothing_measured(tmp_path):
    with pytest.raises(InputError, match=r"measures nothing of cls, det; .* stage\.schedule='fixed'"):
        make_runner(tmp_path, [-100] * 8).train()


def test_result_that_was_deleted(tmp_path):
    (tmp_path / 'result_checkpoint').write_text('best.pth')
    with pytest.raises(InputError, match=r'result_checkpoint: names best\.pth, which does not exist'):
        find_result_checkpoint(tmp_path)
