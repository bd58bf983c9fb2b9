"""Ordered work of several processes with a progress bar."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import parent_process
from signal import SIG_IGN, SIGINT, signal
from threading import Thread
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar('Item')
Result = TypeVar('Result')
_CHUNKS_PER_WORKER = 16


def map_ordered(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    workers: int = 1,
    progress: bool = False,
    title: str = '',
    unit: str = 'img',
) -> list[Result]:
    """Apply a function to items; the results come in the order of the items for any number of workers.

    Args:
        function: Picklable where ``workers > 1``.
        items: The items, picklable likewise.
        workers: Number of processes; 1 stays in this one.
        progress: Whether to show a progress bar (never where the output is not a terminal).
        title: Its label.
        unit: What an item is called in it.

    Returns:
        One result per item.
    """
    bar = {'total': len(items), 'desc': title, 'unit': unit, 'disable': None if progress else True}
    if workers <= 1 or len(items) <= 1:
        return list(tqdm(map(function, items), **bar))
    chunk = max(1, len(items) // (workers * _CHUNKS_PER_WORKER))
    with ProcessPoolExecutor(workers, initializer=_tie_to_parent) as pool:
        return list(tqdm(pool.map(function, items, chunksize=chunk), **bar))


def _tie_to_parent() -> None:
    """Leave an interrupt to the parent, and end with it, also where it is killed."""
    signal(SIGINT, SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent_process().join()
    os._exit(1)
