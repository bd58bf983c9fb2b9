"""Ordered work of several processes with a progress bar."""

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from signal import SIG_IGN, SIGINT, signal
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
) -> list[Result]:
    """Apply a function to items; the results come in the order of the items for any number of workers.

    Args:
        function: Picklable where ``workers > 1``.
        items: The items, picklable likewise.
        workers: Number of processes; 1 stays in this one.
        progress: Whether to show a progress bar (never where the output is not a terminal).
        title: Its label.

    Returns:
        One result per item.
    """
    bar = {'total': len(items), 'desc': title, 'unit': 'img', 'disable': None if progress else True}
    if workers <= 1 or len(items) <= 1:
        return list(tqdm(map(function, items), **bar))
    chunk = max(1, len(items) // (workers * _CHUNKS_PER_WORKER))
    # An interrupt is this process's to handle; the workers end with it.
    with ProcessPoolExecutor(workers, initializer=signal, initargs=(SIGINT, SIG_IGN)) as pool:
        return list(tqdm(pool.map(function, items, chunksize=chunk), **bar))
