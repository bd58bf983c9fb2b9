"""Ordered work of several processes with a progress bar."""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import parent_process
from signal import (
    SIG_BLOCK,
    SIG_IGN,
    SIG_SETMASK,
    SIG_UNBLOCK,
    SIGINT,
    SIGTERM,
    pthread_sigmask,
    signal,
)
from threading import Thread
from time import sleep
from typing import TypeVar

from tqdm import tqdm

from unihema_mm.utils.errors import InputError

Item = TypeVar('Item')
Result = TypeVar('Result')
_CHUNKS_PER_WORKER = 16
# An interrupt waits for the chunks that have begun.
_LARGEST_CHUNK = 16
_STOPPING = {SIGINT, SIGTERM}
# Seconds.
_PATIENCE = 2


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

    Raises:
        InputError: A process was killed. An error of the function is raised as it is.
    """
    bar = {'total': len(items), 'desc': title, 'unit': unit, 'disable': None if progress else True}
    if workers <= 1 or len(items) <= 1:
        return list(tqdm(map(function, items), **bar))
    size = min(max(1, len(items) // (workers * _CHUNKS_PER_WORKER)), _LARGEST_CHUNK)
    results: list[Result] = []
    with tqdm(**bar) as shown, ProcessPoolExecutor(workers, initializer=_tie_to_parent) as pool:
        try:
            with _signals_wait():
                chunks = (items[place : place + size] for place in range(0, len(items), size))
                futures = deque(pool.submit(_apply, function, chunk) for chunk in chunks)
            while futures:
                results += futures.popleft().result()
                shown.update(len(results) - shown.n)
        except BrokenProcessPool:
            raise InputError(
                f'{title or "workers"}: processes: {workers}: one of them was killed, as happens where '
                'memory runs out; run again with fewer workers'
            ) from None
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return results


def _apply(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    return [function(item) for item in items]


@contextmanager
def _signals_wait() -> Iterator[None]:
    """Hold signals back while processes start, until they have handlers of their own."""
    before = pthread_sigmask(SIG_BLOCK, _STOPPING)
    try:
        yield
    finally:
        pthread_sigmask(SIG_SETMASK, before)


def _tie_to_parent() -> None:
    """Leave it to the parent to react to signals, and end with it, also where it is killed."""
    signal(SIGINT, SIG_IGN)
    # A signal to the whole group reaches the parent too, which then stops the pool in good order.
    signal(SIGTERM, lambda *_: Thread(target=_end_late, daemon=True).start())
    pthread_sigmask(SIG_UNBLOCK, _STOPPING)
    Thread(target=_end_with_parent, daemon=True).start()


def _end_late() -> None:
    sleep(_PATIENCE)
    os._exit(1)


def _end_with_parent() -> None:
    parent_process().join()
    os._exit(1)
