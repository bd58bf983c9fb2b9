"""Work that makes many objects and no cycles of them."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def paused_collector() -> Iterator[None]:
    """Keep Python's collector of cycles from running.

    While millions of records are made, it looks through all of them again and again and finds nothing: that
    takes longer than parsing a large JSON file.
    """
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()
