"""Peak memory of a job."""

import multiprocessing
import warnings
from pathlib import Path

import torch
from mmengine.logging import MMLogger

from unihema_mm.engine.benchmark import build_model
from unihema_mm.engine.benchmark_tasks import Row, Setting, jobs

MIB = 2**20


def peak_memory(setting: Setting, row: Row) -> tuple[float, float]:
    """Peak memory of a task and of its baseline, each in a process of its own.

    On a GPU it is what torch has allocated at most; elsewhere the growth of the resident memory of the
    process (Linux) from the libraries alone to its high-water mark. The whole model, gradients, states of the
    optimizer and activations are in it.

    Args:
        setting: See :class:`Setting`.
        row: A line of the table.

    Returns:
        MiB of both.
    """
    with multiprocessing.get_context('spawn').Pool(1, maxtasksperchild=1) as pool:
        return tuple(pool.apply(_peak, (setting, row, place, torch.get_num_threads())) for place in (0, 1))


def _peak(setting: Setting, row: Row, place: int, threads: int) -> float:
    torch.set_num_threads(threads)
    warnings.simplefilter('ignore')  # the parent has shown them
    MMLogger.get_instance('benchmark', log_level='WARNING')
    device = torch.device(setting.device)
    before = _high_water() if device.type == 'cpu' else 0
    model = build_model(setting.cfg, device)
    job = jobs(setting, model, row)[place]
    for _ in range(2):  # the first step makes the states of the optimizer
        job()
    peak = _high_water() if device.type == 'cpu' else torch.cuda.max_memory_allocated(device)
    return (peak - before) / MIB


def _high_water() -> int:
    """Largest resident size of this process so far in bytes."""
    (line,) = (
        line for line in Path('/proc/self/status').read_text().splitlines() if line.startswith('VmHWM')
    )
    return 1024 * int(line.split()[1])
