"""Batches that hold a given number of samples of each data set."""

import copy
import logging
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from mmengine.dist import get_dist_info, sync_random_seed
from mmengine.logging import print_log
from torch.utils.data import Sampler

from unihema_mm.registry import DATA_SAMPLERS
from unihema_mm.utils.errors import InputError

from .composition import Step, check_composition, steps_to_draw
from .groups import SetGroup, check_groups
from .step_draws import StepDraws

_EPOCH_ENDS = {'longest': max, 'shortest': min}


@DATA_SAMPLERS.register_module()
class TaskBatchSampler(Sampler):
    """Batch sampler over a :class:`MultiSetDataset`.

    Each set is shuffled and drawn without replacement, over the epochs too, and shuffled anew when it is
    exhausted. All processes have the same composition in every step, and different samples where the set
    holds enough of them; a set with fewer samples than all processes draw in a step repeats some within it.
    The order depends on the seed of the run, ``seed`` and the epoch alone, that of a set on no other set.

    A group stands for sets of one task: each of its draws picks one of them by chance, with a probability
    proportional to (number of its samples) ** temperature, and then the next sample of that set. All
    processes pick the same sets.

    In a config: ``batch_sampler=dict(type='TaskBatchSampler', composition=dict(det=2, seg=2, vqa=4))`` beside
    ``batch_size=8`` and ``sampler=dict(type='DefaultSampler')``, whose dataset and seed are used. Groups:
    ``composition=dict(det=4, cls=4), groups=dict(det=dict(sets=('bccd', 'txl_pbc'), temperature=0.5))``.

    Args:
        sampler: Sampler of the loader; only its ``dataset`` and ``seed`` matter.
        composition: Name of a set or group -> number of its samples in each batch; or a list of such dicts,
            of which step i has number i modulo their number.
        batch_size: Number of samples of the largest step, or ``None``.
        steps: Length of an epoch: 'longest' or 'shortest', until the set that takes most or fewest steps has
            been seen once, or a number of steps. A group counts as one set with the samples of all of its
            sets; those of its sets that the composition names count beside it.
        counted: Names in the composition whose samples decide what 'longest' and 'shortest' mean; all where
            it is None. What is only drawn along does not make an epoch longer.
        seed: Another number gives another order with the same seed of the run.
        groups: Name of a group -> ``dict(sets=(name, ...), temperature=number)``, where 1 (the default) draws
            from each set in proportion to its size, and 0 from all alike.

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
        groups: Mapping[str, Mapping] | None = None,
        counted: Sequence[str] | None = None,
    ) -> None:
        ranges = getattr(sampler.dataset, 'set_ranges', None)
        if ranges is None:
            raise InputError(
                f'TaskBatchSampler: dataset: {type(sampler.dataset).__name__} has no named data sets; '
                'use MultiSetDataset'
            )
        checked = check_groups(groups, [*ranges])
        self.composition = check_composition(composition, [*ranges], [*checked])
        named = {name for step in self.composition for name in step}
        counted = self._check_counted(counted, named)
        self.groups = {name: group for name, group in checked.items() if name in named}
        named.update(part for group in self.groups.values() for part in group.sets)
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
            {name: part for name, part in ranges.items() if name in named},
            self.composition,
            self.groups,
            steps,
            counted,
            sync_random_seed() if run_seed is None else run_seed,
            seed,
        )
        self._first = 0
        self._report(ranges, [name for name in [*ranges, *checked] if name not in {*named, *self.groups}])

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

    def _report(self, ranges: Mapping[str, range], unused: Sequence[str]) -> None:
        sizes = {name: len(part) for name, part in ranges.items()}
        steps = [', '.join(f'{count} {name}' for name, count in step.items()) for step in self.composition]
        has = ', '.join(f'{name} {size}' for name, size in sizes.items())
        _log(f'TaskBatchSampler: {len(self)} steps an epoch; in a step {" | ".join(steps)}; samples: {has}')
        for name, group in self.groups.items():
            shares = zip(group.sets, group.probabilities(sizes), strict=True)
            text = ', '.join(f'{part} {share:.1%}' for part, share in shares)
            _log(f'TaskBatchSampler: {name} draws with temperature {group.temperature:g} from {text}')
        if unused:
            _log(f'TaskBatchSampler: never drawn, as no composition names them: {", ".join(unused)}', True)
        for name, size in sizes.items():
            share, most = (number * self.sampler.world_size for number in self._most(name))
            if size < share:
                _log(f'TaskBatchSampler: {name}: {size} samples, {share} in a step: some repeat in it', True)
            elif size < most:
                _log(f'TaskBatchSampler: {name}: {size} samples, up to {most} in a step may repeat', True)

    @staticmethod
    def _check_counted(counted: Sequence[str] | None, named: set[str]) -> list[str]:
        chosen = sorted(named) if counted is None else [*counted]
        absent = [name for name in chosen if name not in named]
        if absent or not chosen:
            raise InputError(
                f'TaskBatchSampler: counted: is {counted!r}; write names of the composition: '
                f'{", ".join(sorted(named))}'
            )
        return chosen

    def _most(self, name: str) -> tuple[int, int]:
        """Samples of a set in the step with most of them, by its own name and with what groups may pick."""
        having = [group for group, content in self.groups.items() if name in content.sets]
        own = max(step.get(name, 0) for step in self.composition)
        return own, max(sum(step.get(key, 0) for key in (name, *having)) for step in self.composition)


class _ComposedIndices(Sampler):
    """Indices of all steps of one process, one after another."""

    def __init__(
        self,
        dataset,
        ranges: Mapping[str, range],
        composition: Sequence[Step],
        groups: Mapping[str, SetGroup],
        steps: str | int,
        counted: Sequence[str],
        seed: int,
        more_seed: int,
    ) -> None:
        self.rank, self.world_size = get_dist_info()
        self.dataset = dataset
        self.seed = seed
        self.epoch = 0
        self._ranges, self._composition, self._groups = ranges, composition, groups
        self._more_seed = more_seed
        empty = [name for name, part in ranges.items() if not part]
        if empty:
            raise InputError(f'TaskBatchSampler: {empty[0]}: has no samples; leave it out')
        self.steps = self._count_steps(steps, counted)
        self._reached: tuple[int, int, StepDraws] | None = None  # seed, epoch, state

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        draws = copy.deepcopy(self._at_epoch())
        for step in range(self.steps):
            for name, drawn in draws.draw(self._step(step)).items():
                start = self._ranges[name].start
                for number in drawn[self.rank].tolist():
                    yield start + number

    def __len__(self) -> int:
        return sum(sum(self._step(step).values()) for step in range(self.steps))

    def _step(self, step: int) -> Step:
        return self._composition[step % len(self._composition)]

    def _at_epoch(self) -> StepDraws:
        """State of the draws where the epoch begins."""
        if self._reached is None or self._reached[0] != self.seed or self._reached[1] > self.epoch:
            sizes = {name: len(part) for name, part in self._ranges.items()}
            key = self.seed, self._more_seed
            self._reached = self.seed, 0, StepDraws(sizes, self._groups, self.world_size, key)
        _, reached, draws = self._reached
        for step in range((self.epoch - reached) * self.steps):
            draws.draw(self._step(step % self.steps))
        self._reached = self.seed, self.epoch, draws
        return draws

    def _count_steps(self, steps: str | int, counted: Sequence[str]) -> int:
        if steps in _EPOCH_ENDS:
            sizes = {name: len(part) for name, part in self._ranges.items()}
            for name, group in self._groups.items():
                sizes[name] = sum(sizes[part] for part in group.sets)
            return _EPOCH_ENDS[steps](
                steps_to_draw(
                    sizes[name], [step.get(name, 0) * self.world_size for step in self._composition]
                )
                for name in counted
            )
        if type(steps) is not int or steps < 1:
            raise InputError(
                f"TaskBatchSampler: steps: is {steps!r}; write 'longest', 'shortest' or a number above 0"
            )
        return steps


def _log(message: str, warning: bool = False) -> None:
    print_log(message, logger='current', level=logging.WARNING if warning else logging.INFO)
