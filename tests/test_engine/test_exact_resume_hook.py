"""Augmentation and order depend on (seed, rank, epoch, place) and on nothing else."""

import pickle
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.dataset import BaseDataset, ClassBalancedDataset, ConcatDataset, DefaultSampler
from mmengine.hooks import DistSamplerSeedHook
from mmengine.runner import Runner
from torch.utils.data import BatchSampler

from unihema_mm.datasets.smear import MultiSetDataset
from unihema_mm.engine.hooks import ExactResumeHook
from unihema_mm.engine.hooks.exact_resume_hook import SeededIndex, SeededSampler, derive_seed
from unihema_mm.utils.errors import InputError


class Noisy(BaseDataset):
    """Each sample is its index and a random number of each generator."""

    def __init__(self, name):
        super().__init__(pipeline=[self.draw])
        self.name = name

    def load_data_list(self):
        return [dict(number=number) for number in range(5)]

    def draw(self, results):
        return self.name, results['number'], float(np.random.rand()), float(torch.rand(1))


def make_runner(num_workers=0, batch_sampler=None, epoch=0, iteration=0, rank=0):
    loader = Runner.build_dataloader(
        dict(
            batch_size=3,
            num_workers=num_workers,
            persistent_workers=num_workers > 0,
            dataset=ConcatDataset([Noisy('a'), Noisy('b')]),
            sampler=dict(type='DefaultSampler', shuffle=True),
            collate_fn=dict(type='pseudo_collate'),
            **({} if batch_sampler is None else dict(batch_sampler=dict(type=batch_sampler))),
        ),
        seed=1,
    )
    return SimpleNamespace(
        train_dataloader=loader, train_loop=None, cfg={}, seed=1, rank=rank, epoch=epoch, iter=iteration
    )


def epochs(runner, count=2):
    """Batches of ``count`` epochs as a training loop draws them."""
    hook = ExactResumeHook()
    hook.before_train(runner)
    drawn = []
    for _ in range(count):
        runner.train_dataloader.sampler.set_epoch(runner.epoch)
        hook.before_train_epoch(runner)
        drawn.append([])
        for batch in runner.train_dataloader:
            np.random.seed(runner.iter)  # somebody else draws in this process
            drawn[-1].append(batch)
            runner.iter += 1
        runner.epoch += 1
    return drawn


def test_stream_does_not_depend_on_workers_but_on_epoch_and_rank():
    first, second = epochs(make_runner())
    assert [first, second] == epochs(make_runner(num_workers=2))
    assert len({row for batch in first + second for row in zip(*batch, strict=True)}) == 20
    assert epochs(make_runner(rank=1)) != [first, second]


@pytest.mark.parametrize('done', [1, 3, 4])
def test_continue_in_the_middle_of_an_epoch(done):
    whole = epochs(make_runner())
    rest = epochs(make_runner(epoch=1, iteration=4 + done), count=1)
    assert rest == [whole[1][done:]]


GROUPS = dict(both=dict(sets=('a', 'b'), temperature=0.5))


def make_mixed(composition=(dict(a=1), dict(a=1, b=2)), groups=None, b=None, **progress):
    runner = make_runner(**progress)
    loader = dict(
        num_workers=0,
        dataset=MultiSetDataset(dict(a=Noisy('a'), b=b or Noisy('b'))),
        sampler=dict(type='DefaultSampler'),
        collate_fn=dict(type='pseudo_collate'),
        batch_size=3,
        batch_sampler=dict(
            type='unihema_mm.TaskBatchSampler', composition=composition, groups=groups, steps=5
        ),
    )
    runner.train_dataloader = Runner.build_dataloader(loader, seed=1)
    return runner


@pytest.mark.parametrize('done', [1, 2, 4])
def test_continue_a_mixed_epoch_in_its_middle(done):
    runner = make_mixed()
    whole = [mixed_epoch(runner), mixed_epoch(runner)]
    assert whole[0] != whole[1] and [len(batch[0]) for batch in whole[0]] == [1, 3, 1, 3, 1]
    assert mixed_epoch(make_mixed(epoch=1, iteration=5 + done)) == whole[1][done:]


@pytest.mark.parametrize('done', [1, 4])
def test_continue_an_epoch_with_groups_in_its_middle(done):
    options = dict(composition=[dict(both=3), dict(a=1, both=1)], groups=GROUPS)
    runner = make_mixed(**options)
    whole = [mixed_epoch(runner), mixed_epoch(runner)]
    assert whole[0] != whole[1]
    assert mixed_epoch(make_mixed(epoch=1, iteration=5 + done, **options)) == whole[1][done:]


class Rare(Noisy):
    """Sample 0 alone is of class 0."""

    def get_cat_ids(self, index):
        return [min(index, 1)]


def test_repeated_samples_of_rare_classes_have_their_seeds():
    balanced = [ClassBalancedDataset(Rare('b'), oversample_thr=0.7) for _ in range(2)]
    # b alone: a sample of another set would seed the generators for those after it
    first, second = (mixed_epoch(make_mixed(composition=dict(b=3), b=part)) for part in balanced)
    assert first == second
    drawn = [row for batch in first for row in zip(*batch, strict=True)]
    assert len(drawn) == len(set(drawn)) == 15 and sum(row[1] == 0 for row in drawn) >= 4  # two of six


def mixed_epoch(runner):
    """One epoch, its number set as mmengine does where there is a batch sampler."""
    hook = ExactResumeHook()
    if not isinstance(runner.train_dataloader.batch_sampler.sampler, SeededSampler):
        hook.before_train(runner)
        runner.hook = hook
    DistSamplerSeedHook().before_train_epoch(
        SimpleNamespace(train_loop=SimpleNamespace(dataloader=runner.train_dataloader), epoch=runner.epoch)
    )
    runner.hook.before_train_epoch(runner)
    batches = list(runner.train_dataloader)
    runner.epoch += 1
    runner.iter += len(batches)
    return batches


def test_place_that_cannot_be_found():
    with pytest.raises(InputError, match='same data, batch size'):
        epochs(make_runner(epoch=1, iteration=9))
    runner = make_runner(epoch=1, iteration=6)
    runner.train_dataloader.batch_sampler.__class__ = type('Grouped', (BatchSampler,), {})
    with pytest.raises(InputError, match='Grouped cannot continue'):
        epochs(runner)


def test_seed_of_the_checkpoint_reaches_the_sampler():
    runner = make_runner()
    runner.seed = 7
    ExactResumeHook().before_train(runner)
    assert (
        isinstance(runner.train_dataloader.sampler, DefaultSampler)
        and runner.train_dataloader.sampler.seed == 7
    )


def test_steps_have_random_numbers_of_their_own():
    runner, hook = make_runner(), ExactResumeHook()
    drawn = []
    for step in (0, 1, 0):
        runner.iter = step
        hook.before_train_iter(runner, step)
        drawn.append(torch.rand(1).item())
    assert drawn[0] == drawn[2] != drawn[1]


def test_seeded_index():
    index = pickle.loads(pickle.dumps(SeededIndex(7, 123)))
    assert index == 7 and index.seed == 123
    assert (index - 5, (index - 5).seed) == (2, 123) and ((index % 4).seed, index % 4) == (123, 3)
    assert derive_seed(0, 0, 1) != derive_seed(0, 1, 0) != derive_seed(0, 1)
