"""Batches that hold a given number of samples of each data set."""

import copy
import logging
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from zlib import crc32

from mmengine.dist import get_dist_info, sync_random_seed
from mmengine.logging import print_log
from torch.utils.data import Sampler

from unihema_mm.registry import DATA_SAMPLERS
from unihema_mm.utils.errors import InputError

from .composition import Step, check_composition, steps_to_draw
from .shuffled_draws import ShuffledDraws

_EPOCH_ENDS = {'longest': max, 'shortest': min}


@DATA_SAMPLERS.register_module()
class TaskBatchSampler(Sampler):
    """Batch sampler over a :class:`MultiSetDataset`.

    Each set is shuffled and drawn without replacement, over the epochs too, and shuffled anew when it is
    exhausted. All processes have the same composition in every step, and different samples where the set
    holds enough of them; a set with fewer samples than all processes draw in a step repeats some within it.
    The order depends on the seed of the run, ``seed`` and the epoch alone, that of a set on no other set.

    In a config: ``batch_sampler=dict(type='TaskBatchSampler', composition=dict(det=2, seg=2, vqa=4))`` beside
    ``batch_size=8`` and ``sampler=dict(type='DefaultSampler')``, whose dataset and seed are used.

    Args:
        sampler: Sampler of the loader; only its ``dataset`` and ``seed`` matter.
        composition: Name of a set -> number of its samples in each batch; or a list of such dicts, of which
            step i has number i modulo their number.
        batch_size: Number of samples of the largest step, or ``None``.
        steps: Length of an epoch: 'longest' or 'shortest', until the set that takes most or fewest steps has
            been seen once, or a number of steps.
        seed: Another number gives another order with the same seed of the run.

    Attributes:
        sampler: The indices of all steps, one after another.

    Raises:
        InputError: An argument is wrong, the dataset has no named sets, or one of them is empty.
    """

    def __init__(
        self,
        sampler: Sampler,
        composition: Mapping[str, int] | Sequence[Mapping[str, int]],
        batch_size: int | None = None,
        steps: str | int = 'longest',
        seed: int = 0,
    ) -> None:
        ranges = getattr(sampler.dataset, 'set_ranges', None)
        if ranges is None:
            raise InputError(
                f'TaskBatchSampler: dataset: {type(sampler.dataset).__name__} has no named data sets; '
                'use MultiSetDataset'
            )
        self.composition = check_composition(composition, [*ranges])
        self._sizes = [sum(step.values()) for step in self.composition]
        self.batch_size = max(self._sizes)
        if batch_size not in (None, self.batch_size):
            raise InputError(
                f'TaskBatchSampler: batch_size: is {batch_size}, but the composition has {self.batch_size} '
                f'samples in a step; write batch_size={self.batch_size}'
            )
        run_seed = getattr(sampler, 'seed', None)
        self.sampler = _ComposedIndices(
            sampler.dataset,
            {name: part for name, part in ranges.items() if any(name in step for step in self.composition)},
            self.composition,
            steps,
            sync_random_seed() if run_seed is None else run_seed,
            seed,
        )
        self._first = 0
        self._report(ranges)

    def __iter__(self) -> Iterator[list[int]]:
        first, self._first = self._first, 0
        indices = iter(self.sampler)
        for step in range(first, len(self)):
            yield list(islice(indices, self._sizes[step % len(self._sizes)]))

    def __len__(self) -> int:
        return self.sampler.steps

    def begin_at(self, step: int) -> int:
        """Leave out the first steps of the next pass; the caller leaves out their indices in ``sampler``.

        Args:
            step: Step that the next pass begins with.

        Returns:
            Number of indices of the steps before.
        """
        self._first = step
        return sum(self._sizes[i % len(self._sizes)] for i in range(step))

    def _report(self, ranges: Mapping[str, range]) -> None:
        sizes = {name: len(part) for name, part in ranges.items()}
        steps = [', '.join(f'{count} {name}' for name, count in step.items()) for step in self.composition]
        has = ', '.join(f'{name} {size}' for name, size in sizes.items())
        _log(f'TaskBatchSampler: {len(self)} steps an epoch; in a step {" | ".join(steps)}; samples: {has}')
        unused = [name for name in sizes if not any(name in step for step in self.composition)]
        if unused:
            _log(f'TaskBatchSampler: never drawn, as no composition names them: {", ".join(unused)}', True)
        for name, size in sizes.items():
            share = max(step.get(name, 0) for step in self.composition) * self.sampler.world_size
            if size < share:
                _log(f'TaskBatchSampler: {name}: {size} samples, {share} in a step: some repeat in it', True)


class _ComposedIndices(Sampler):
    """Indices of all steps of one process, one after another."""

    def __init__(
        self,
        dataset,
        ranges: Mapping[str, range],
        composition: Sequence[Step],
        steps: str | int,
        seed: int,
        more_seed: int,
    ) -> None:
        self.rank, self.world_size = get_dist_info()
        self.dataset = dataset
        self.seed = seed
        self.epoch = 0
        self._ranges, self._composition, self._more_seed = ranges, composition, more_seed
        empty = [name for name, part in ranges.items() if not part]
        if empty:
            raise InputError(f'TaskBatchSampler: {empty[0]}: has no samples; leave it out of the composition')
        self.steps = self._count_steps(steps)
        self._reached: tuple[int, int, dict[str, ShuffledDraws]] | None = None  # seed, epoch, state

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        draws = copy.deepcopy(self._at_epoch())
        for step in range(self.steps):
            for name, count in self._step(step).items():
                drawn = draws[name].draw(count * self.world_size)
                start = self._ranges[name].start
                for number in drawn[self.rank * count : (self.rank + 1) * count].tolist():
                    yield start + number

    def __len__(self) -> int:
        return sum(sum(self._step(step).values()) for step in range(self.steps))

    def _step(self, step: int) -> Step:
        return self._composition[step % len(self._composition)]

    def _at_epoch(self) -> dict[str, ShuffledDraws]:
        """State of the draws where the epoch begins."""
        if self._reached is None or self._reached[0] != self.seed or self._reached[1] > self.epoch:
            draws = {
                name: ShuffledDraws(len(part), (self.seed, self._more_seed, crc32(name.encode())))
                for name, part in self._ranges.items()
            }
            self._reached = self.seed, 0, draws
        _, reached, draws = self._reached
        for step in range((self.epoch - reached) * self.steps):
            for name, count in self._step(step % self.steps).items():
                draws[name].draw(count * self.world_size)
        self._reached = self.seed, self.epoch, draws
        return draws

    def _count_steps(self, steps: str | int) -> int:
        if steps in _EPOCH_ENDS:
            return _EPOCH_ENDS[steps](
                steps_to_draw(len(part), [step.get(name, 0) * self.world_size for step in self._composition])
                for name, part in self._ranges.items()
            )
        if type(steps) is not int or steps < 1:
            raise InputError(
                f"TaskBatchSampler: steps: is {steps!r}; write 'longest', 'shortest' or a number above 0"
            )
        return steps


def _log(message: str, warning: bool = False) -> None:
    print_log(message, logger='current', level=logging.WARNING if warning else logging.INFO)
