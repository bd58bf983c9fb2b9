"""One run at a time in a folder."""

import multiprocessing
import os
import signal
import threading

import pytest

from unihema_mm.utils.errors import InputError
from unihema_mm.utils.folder_lock import folder_lock


def hold(folder, ready):
    with folder_lock(folder):
        ready.set()
        signal.pause()


def test_second_run_is_refused_and_the_lock_is_freed(tmp_path):
    folder = tmp_path / 'new' / 'out'
    with (
        folder_lock(folder),
        pytest.raises(InputError, match=r'new/out: folder: out: another run'),
        folder_lock(folder),
    ):
        pass
    assert list(folder.iterdir()) == []
    with pytest.raises(KeyError), folder_lock(folder):
        raise KeyError
    with folder_lock(folder), folder_lock(tmp_path / 'other'):
        pass


def test_lock_of_a_killed_process_is_free(tmp_path):
    context = multiprocessing.get_context('fork')
    ready = context.Event()
    process = context.Process(target=hold, args=(tmp_path, ready))
    process.start()
    try:
        assert ready.wait(60)
        with pytest.raises(InputError), folder_lock(tmp_path):
            pass
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.join()
    assert (tmp_path / '.lock').exists()
    with folder_lock(tmp_path):
        pass
    assert not (tmp_path / '.lock').exists()


def test_a_lock_that_becomes_free_is_waited_for(tmp_path):
    context = multiprocessing.get_context('fork')
    ready = context.Event()
    process = context.Process(target=hold, args=(tmp_path, ready))
    process.start()
    assert ready.wait(60)
    killer = threading.Timer(0.5, process.kill)
    killer.start()
    with folder_lock(tmp_path, patience=60):
        assert not process.is_alive()
    process.join()
