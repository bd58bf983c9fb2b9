import os
import signal
import subprocess
import sys

import pytest

from unihema_mm.datasets.parallel import map_ordered
from unihema_mm.utils.errors import InputError


def square(number):
    return number**2, os.getpid()


@pytest.mark.parametrize('workers', [1, 2])
def test_results_keep_the_order(workers):
    results = map_ordered(square, range(50), workers=workers)
    assert [value for value, _ in results] == [number**2 for number in range(50)]
    assert ({process for _, process in results} == {os.getpid()}) == (workers == 1)


def fail(number):
    raise ValueError(f'item {number}')


@pytest.mark.parametrize('workers', [1, 2])
def test_an_error_reaches_the_caller(workers):
    with pytest.raises(ValueError, match='item 0'):
        map_ordered(fail, range(5), workers=workers)


SLEEPERS = """
import os, time
from unihema_mm.datasets.parallel import map_ordered

def sleep(number):
    os.write(1, b'started\\n')  # one write: lines of two processes do not mix
    time.sleep(300)

map_ordered(sleep, range(2), workers=2)
"""


def test_workers_end_with_a_killed_parent():
    parent = subprocess.Popen(
        [sys.executable, '-c', SLEEPERS], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        assert [parent.stdout.readline() for _ in range(2)] == ['started\n'] * 2
        parent.kill()
        # The pipe ends when the last process that can write to it does.
        assert parent.communicate(timeout=60)[0] == ''
        parent = None
    finally:
        if parent:
            os.killpg(parent.pid, signal.SIGKILL)


def die(number):
    os._exit(1)


def test_killed_worker():
    with pytest.raises(
        InputError, match=r'hashing: processes: 2: one of them was killed.*; run again with fewer'
    ):
        map_ordered(die, range(5), workers=2, title='hashing')
