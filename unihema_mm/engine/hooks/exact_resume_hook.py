"""Randomness that depends on the step alone, so that a resumed run equals an unbroken one."""

import random
from collections.abc import Iterator

import numpy as np
import torch
from mmengine.dataset import BaseDataset
from mmengine.hooks import Hook
from mmengine.runner import IterBasedTrainLoop, Runner
from torch.utils.data import BatchSampler, Dataset, Sampler

from unihema_mm.registry import HOOKS
from unihema_mm.utils.errors import InputError


@HOOKS.register_module()
class ExactResumeHook(Hook):
    """Make a resumed run see the data and the random numbers of an unbroken one.

    mmengine restores weights, optimizer, schedulers and log, but neither the random generators nor the
    place in an epoch, and its loader workers draw their augmentations from generators that start anew.
    Instead of storing all these states, nothing is left to store:

    - before each step the generators of torch, numpy and Python are seeded from (seed, rank, iteration);
    - before each sample's pipeline they are seeded from (seed, rank, epoch, place in the epoch), so the
      augmentation does not depend on the number of workers either;
    - after a resume in the middle of an epoch the batches already trained are left out without loading them
      (epoch-based loop; mmengine's iteration-based loop does so itself). A batch sampler of its own kind
      needs a method ``begin_at(step)``, as that of :class:`TaskBatchSampler`.

    A checkpoint in the middle of an epoch comes from
    ``checkpoint=dict(type='SafeCheckpointHook', by_epoch=False, interval=N)``; for gradient
    accumulation see :class:`PendingGradientsHook`.
    """

    priority = 'HIGH'

    def before_train(self, runner: Runner) -> None:
        """Put the seeds into the index stream and the pipelines of the training data."""
        dataloader = runner.train_dataloader
        batch_sampler = dataloader.batch_sampler
        sampler = batch_sampler.sampler
        if isinstance(getattr(sampler, 'seed', None), int) and not runner.cfg.get('randomness', {}).get(
            'diff_rank_seed'
        ):
            sampler.seed = runner.seed  # a run without a fixed seed takes it from its checkpoint
        self._sampler = SeededSampler(sampler, (runner.seed, runner.rank))
        batch_sampler.sampler = self._sampler
        _seed_pipelines(dataloader.dataset)

    def before_train_epoch(self, runner: Runner) -> None:
        """Find the place in the index stream where the run continues.

        Raises:
            InputError: The checkpoint lies in the middle of an epoch and the place cannot be found.
        """
        dataloader = runner.train_dataloader
        plain = type(dataloader.batch_sampler) is BatchSampler
        if isinstance(runner.train_loop, IterBasedTrainLoop):
            # The loop advances the sampler itself: by its own method, unseen here, or index by index.
            unseen = (
                plain and hasattr(dataloader.sampler, 'skip') and not runner.train_loop.fast_forward_on_resume
            )
            self._sampler.begin(0, position=runner.iter * dataloader.batch_size if unseen else 0)
            return
        done = runner.iter - runner.epoch * len(dataloader)
        if not 0 <= done <= len(dataloader):
            raise InputError(
                f'{runner.cfg.get("load_from")}: {runner.iter} iterations in {runner.epoch} epochs do '
                f'not fit {len(dataloader)} iterations an epoch; resume with the same data, batch '
                'size and number of processes'
            )
        batch_sampler = dataloader.batch_sampler
        if hasattr(batch_sampler, 'begin_at'):
            self._sampler.begin(runner.epoch, skip=batch_sampler.begin_at(done))
            return
        if done and not plain:
            raise InputError(
                f'{runner.cfg.get("load_from")}: lies in the middle of an epoch, which '
                f'{type(batch_sampler).__name__} cannot continue; resume from the '
                'checkpoint of an epoch or use no batch_sampler'
            )
        self._sampler.begin(runner.epoch, skip=done * (dataloader.batch_size or 1))

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: dict | None = None) -> None:
        """Seed the random numbers of the model for one step."""
        seed_generators(derive_seed(runner.seed, runner.rank, runner.iter))


class SeededIndex(int):
    """Index of a sample that carries the seed of its augmentation into the loader's workers.

    Subtraction and remainder, by which wrapper datasets find the sample of a part, keep the seed.
    """

    seed: int

    def __new__(cls, index: int, seed: int) -> 'SeededIndex':  # noqa: D102
        self = super().__new__(cls, index)
        self.seed = seed
        return self

    def __reduce__(self) -> tuple:
        return SeededIndex, (int(self), self.seed)

    def __sub__(self, other: int) -> 'SeededIndex':
        return SeededIndex(int(self) - other, self.seed)

    def __mod__(self, other: int) -> 'SeededIndex':
        return SeededIndex(int(self) % other, self.seed)


class SeededPlaces(list):
    """Table by which ``ClassBalancedDataset`` finds the sample of a place; its numbers keep the seed."""

    def __getitem__(self, place: int) -> int:
        index = super().__getitem__(place)
        seed = getattr(place, 'seed', None)
        return index if seed is None else SeededIndex(index, seed)


class SeededSampler(Sampler):
    """The indices of another sampler, each with a seed of its own.

    Args:
        sampler: Sampler that chooses the indices.
        key: Numbers that distinguish the run and the process.
    """

    def __init__(self, sampler: Sampler, key: tuple[int, ...]) -> None:
        self.sampler = sampler
        self.key = key
        self.begin(0)

    def begin(self, epoch: int, skip: int = 0, position: int = 0) -> None:
        """Set what the next pass starts with.

        Args:
            epoch: Epoch of the pass.
            skip: Number of indices of the pass that are left out.
            position: Place of its first index in the stream of the epoch.
        """
        self.epoch, self._skip, self._position = epoch, skip, position

    def __iter__(self) -> Iterator[SeededIndex]:
        skip, self._skip = self._skip, 0
        for number, index in enumerate(self.sampler):
            position = self._position
            self._position += 1
            if number >= skip:
                yield SeededIndex(index, derive_seed(*self.key, self.epoch, position))

    def __len__(self) -> int:
        return len(self.sampler)

    def __getattr__(self, name: str):
        if name == 'sampler':  # not set yet: a copy in the making
            raise AttributeError(name)
        return getattr(self.sampler, name)


class SeedPipeline:
    """First transform of a pipeline: seeds the generators where the index carries a seed."""

    def __call__(self, results: dict) -> dict:
        """Seed, and return ``results`` as they are."""
        seed = getattr(results.get('sample_idx'), 'seed', None)
        if seed is not None:
            seed_generators(seed)
        return results


def derive_seed(*key: int) -> int:
    """Number in [0, 2**32) from a tuple of non-negative numbers of any length."""
    # numpy pads with zeros: without the length, (0, 1) and (0, 1, 0) would be the same
    return int(np.random.SeedSequence((len(key), *key)).generate_state(1)[0])


def seed_generators(seed: int) -> None:
    """Seed the global generators of torch, numpy and Python."""
    torch.manual_seed(seed)
    np.random.seed(seed)
    random.seed(seed)


def _seed_pipelines(dataset: Dataset) -> None:
    """Prepend :class:`SeedPipeline` to every pipeline of a dataset and of those that it wraps."""
    if isinstance(dataset, BaseDataset):
        dataset.pipeline.transforms.insert(0, SeedPipeline())
        return
    if hasattr(dataset, 'repeat_indices'):
        dataset.repeat_indices = SeededPlaces(dataset.repeat_indices)
    inner = getattr(dataset, 'datasets', None) or [getattr(dataset, 'dataset', None)]
    for part in inner:
        if part is not None:
            _seed_pipelines(part)
