"""A checkpoint between the steps of one accumulated update loses none of them."""

from uuid import uuid4

import pytest
import torch
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import nn

from unihema_mm.engine.hooks import ExactResumeHook, PendingGradientsHook, SafeCheckpointHook
from unihema_mm.utils.checkpoint import find_resume_checkpoint, read_checkpoint


class Toy(BaseModel):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 2)
        self.frozen = nn.Linear(2, 1).requires_grad_(False)

    def forward(self, inputs, mode='loss'):
        return dict(loss=self.frozen(self.layer(inputs)).square().mean())


def make_runner(work_dir, steps, accumulated, resume=False):
    torch.manual_seed(5)
    data = [dict(inputs=row) for row in torch.linspace(-1, 1, 21).view(7, 3)]
    return Runner(
        model=Toy(),
        work_dir=str(work_dir),
        train_dataloader=dict(
            dataset=data,
            batch_size=1,
            sampler=dict(type='DefaultSampler', shuffle=True),
            collate_fn=dict(type='default_collate'),
        ),
        train_cfg=dict(by_epoch=True, max_epochs=steps),
        optim_wrapper=dict(
            optimizer=dict(type='AdamW', lr=0.1),
            accumulative_counts=accumulated,
            clip_grad=dict(max_norm=0.1),
        ),
        default_hooks=dict(logger=None, checkpoint=SafeCheckpointHook(interval=2, by_epoch=False)),
        custom_hooks=[ExactResumeHook(), PendingGradientsHook()],
        randomness=dict(seed=1),
        load_from=find_resume_checkpoint(work_dir) if resume else None,
        resume=resume,
        experiment_name=uuid4().hex,
        log_level='ERROR',
    )


class Killed(Exception):
    pass


@pytest.mark.parametrize('accumulated', [1, 3])
@pytest.mark.parametrize('step', [3, 5, 9])
def test_a_run_that_is_killed_between_the_steps_of_an_update(tmp_path, accumulated, step):
    whole = make_runner(tmp_path / 'whole', 2, accumulated)
    whole.train()
    broken = make_runner(tmp_path / 'broken', 2, accumulated)
    run = broken.model.train_step

    def killed(*arguments, **options):
        if broken.iter == step:
            raise Killed
        return run(*arguments, **options)

    broken.model.train_step = killed
    with pytest.raises(Killed):
        broken.train()
    last = read_checkpoint(find_resume_checkpoint(tmp_path / 'broken'))
    assert last['meta']['iter'] == step - 1
    pending = last.get('pending_gradients', {})
    assert set(pending) == ({'layer.weight', 'layer.bias'} if (step - 1) % accumulated else set())
    resumed = make_runner(tmp_path / 'broken', 2, accumulated, resume=True)
    resumed.train()
    for name, value in whole.model.state_dict().items():
        assert torch.equal(resumed.model.state_dict()[name], value), name
    assert 'pending_gradients' not in read_checkpoint(find_resume_checkpoint(tmp_path / 'whole'))


def test_gradients_are_for_the_run_that_goes_on_alone(tmp_path):
    make_runner(tmp_path / 'a', 1, 4).train()
    last = tmp_path / 'a' / 'iter_6.pth'
    assert read_checkpoint(last)['pending_gradients']
    hook, runner = PendingGradientsHook(), make_runner(tmp_path / 'b', 1, 4)
    hook.after_load_checkpoint(runner, read_checkpoint(last))
    hook.before_train(runner)  # load_from begins anew
    assert runner.model.layer.weight.grad is None
    without_optimizer = {}
    runner.model.layer.weight.grad = torch.ones(2, 3)
    hook.before_save_checkpoint(runner, without_optimizer)
    assert without_optimizer == {}
