"""All processes must train the same groups of tasks in a step."""

import hashlib

import torch
from mmengine.dist import all_gather, all_gather_object, get_world_size
from mmengine.hooks import Hook
from mmengine.runner import Runner

from unihema_mm.engine.unwrap import unwrapped
from unihema_mm.registry import HOOKS
from unihema_mm.utils.errors import InputError


@HOOKS.register_module()
class SameTasksHook(Hook):
    """End a distributed run whose processes have batches of different tasks, on all processes alike.

    The model runs the samples in groups of the same tasks, and losses exchange numbers of objects between the
    processes. So the groups must be the same in the same order; how many samples each holds may differ.
    Without the hook each process waits for numbers or gradients that the others do not compute, without a
    message. Before each step the processes exchange one number. A single process is not checked.
    """

    priority = 'VERY_HIGH'

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: dict | None = None) -> None:
        """Compare the tasks of the batch with those of the other processes.

        Raises:
            InputError: They differ.
        """
        if get_world_size() == 1:
            return
        tasks = batch_tasks(data_batch, _default_task(runner))
        digests = all_gather(torch.tensor(_digest(tasks)))
        if all(int(digest) == int(digests[0]) for digest in digests):
            return
        found = '; '.join(
            f'rank {rank}: {", ".join(map("+".join, other)) or "none"}'
            for rank, other in enumerate(all_gather_object(tasks))
        )
        raise InputError(
            f'iteration {runner.iter + 1}: the processes have batches of different tasks ({found}); use a '
            'sampler of train_dataloader that gives all processes the same tasks in a step'
        )


def batch_tasks(data_batch: dict | None, default: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Groups of tasks in a collated batch, in the order in which the model runs them.

    Args:
        data_batch: Batch with ``data_samples``, whose metainfo may have ``tasks``.
        default: Tasks of samples that name none.
    """
    samples = (data_batch or {}).get('data_samples') or []
    return list(dict.fromkeys(tuple(sample.metainfo.get('tasks') or default) for sample in samples))


def _default_task(runner: Runner) -> tuple[str, ...]:
    return tuple(getattr(unwrapped(runner.model), 'tasks', ()))[:1]


def _digest(tasks: list[tuple[str, ...]]) -> int:
    """The same signed 64-bit number for the same groups in every process."""
    text = '\n'.join(map('+'.join, tasks))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], 'big', signed=True)
