"""Kills a run at each of its writes to the disk, continues it, and prints where the files differ.

Run as ``python killed_runs.py FOLDER IMAGES``; needs only the writers, so that a fork copies no threads.
"""

import os
import signal
import sys
from pathlib import Path

from parts import draw_run, tree

from unihema_mm.apis.writers import PredictionWriter

FORMATS = ('json', 'csv', 'coco', 'yolo', 'geojson', 'labels')


def write_run(folder: Path, count: int) -> None:
    with PredictionWriter(folder, FORMATS, {'model': 'abc'}) as writer:
        for item in draw_run(count):
            if item.name not in writer.done:
                writer.write(item)


def kill_at(number: int) -> None:
    """Kill this process at its n-th write: every second time before it is on the disk, else after it."""
    real, calls = os.fsync, [0]

    def fsync(handle: int) -> None:
        calls[0] += 1
        if calls[0] == number:
            if number % 2:
                os.ftruncate(handle, max(os.fstat(handle).st_size - 3, 0))
            os.kill(os.getpid(), signal.SIGKILL)
        real(handle)

    os.fsync = fsync


def main(root: Path, count: int) -> None:
    write_run(root / 'unbroken', count)
    expected = tree(root / 'unbroken')
    number, killed = 1, True
    while killed:
        folder = root / f'killed_{number}'
        child = os.fork()
        if child == 0:
            kill_at(number)
            write_run(folder, count)
            os._exit(0)
        killed = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
        write_run(folder, count)
        found = tree(folder)
        for name in sorted({**expected, **found}):
            if expected.get(name) != found.get(name):
                print(f'killed at write {number}: {name} differs')
        number += 1
    print(f'{number - 2} kills')


if __name__ == '__main__':
    main(Path(sys.argv[1]), int(sys.argv[2]))
