"""The one thread in which the model runs."""

from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

from unihema_mm.utils.errors import InputError

Result = TypeVar('Result')


class ModelWorker:
    """Runs one piece of work at a time and waits for it no longer than told.

    A thread cannot be stopped: work that takes too long goes on without anyone waiting, and new work is
    refused until it has ended.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix='model')
        self._given_up: Future | None = None
        self._works = False
        self._end: Future = Future()

    def run(self, work: Callable[[], Result], seconds: float) -> Result:
        """Do the work, after other work that is waited for, and return its result.

        Args:
            work: What to do.
            seconds: Longest time to wait for it.

        Raises:
            InputError: It took too long, earlier work that did is not over, or no more work is taken.
        """
        if self._end.done():
            raise InputError('the page is being closed')
        if self._given_up is not None and not self._given_up.done():
            raise InputError('the model is still busy with an earlier picture; try again in a while')
        future = self._threads.submit(self._do, work)
        wait([future, self._end], timeout=seconds, return_when=FIRST_COMPLETED)
        if not future.done() and not future.cancel():
            self._given_up = future
        if self._end.done():
            raise InputError('the page is being closed')
        if not future.done() or future.cancelled():
            raise InputError(f'took longer than {seconds:g} s, the limit of this page; try a smaller picture')
        return future.result()

    def is_busy(self) -> bool:
        """Whether some work is being done, waited for or not."""
        return self._works

    def _do(self, work: Callable[[], Result]) -> Result:
        self._works = True
        try:
            return work()
        finally:
            self._works = False

    def close(self) -> None:
        """Take no more work; nobody waits for the last any longer."""
        if not self._end.done():
            self._end.set_result(None)
        self._threads.shutdown(wait=False, cancel_futures=True)
