"""A program of the project in processes that do not outlive this one."""

import ctypes
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_PR_SET_PDEATHSIG = 1  # of Linux's prctl
_POLL_SECONDS = 0.2
_MAXRSS_BYTES = 1 if sys.platform == 'darwin' else 1024


@dataclass(frozen=True)
class ToolEnd:
    """How a program ended.

    Attributes:
        code: Exit code, negative for a signal; of the first process that failed.
        seconds: Time on the clock.
        peak_bytes: Largest resident memory of one of its processes, loader workers too.
    """

    code: int
    seconds: float
    peak_bytes: int


def run_tool(
    command: Sequence[str | os.PathLike],
    log: Path,
    processes: int = 1,
    beat: Callable[[float], None] = lambda seconds: None,
) -> ToolEnd:
    """Run a Python program to its end.

    Its processes are killed when this one ends in any way (on Linux also by SIGKILL), and when one of them
    fails. They do not see a Ctrl-C of the terminal.

    Args:
        command: Program and its arguments. With several processes ``--launcher pytorch`` is added, and the
            environment is that which torchrun gives: rank, number of processes, address.
        log: File that gets what it prints, at its end.
        processes: Number of processes on this machine.
        beat: Called several times a second with the seconds since the start.

    Returns:
        How it ended.
    """
    arguments = [sys.executable, *map(str, command)]
    environments: list[Mapping[str, str]] = [{}]
    if processes > 1:
        arguments += ['--launcher', 'pytorch']
        environments = _rank_environments(processes)
    start, running, ends = time.monotonic(), [], []
    with log.open('ab') as file:
        try:
            for environment in environments:
                running.append(_start(arguments, {**os.environ, **environment}, file))
            while len(ends) < len(running) and not any(code for code, _ in ends):
                time.sleep(_POLL_SECONDS)
                ends += [end for process in running if (end := _ended(process)) is not None]
                beat(time.monotonic() - start)
        finally:
            ends += [_stop(process) for process in running if process.returncode is None]
    code = next((code for code, _ in ends if code), 0)
    return ToolEnd(code, time.monotonic() - start, max(peak for _, peak in ends))


def _start(arguments: list[str], environment: dict[str, str], log) -> subprocess.Popen:
    libc, parent = ctypes.CDLL(None), os.getpid()

    def die_with_parent() -> None:
        if hasattr(libc, 'prctl'):
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:  # it ended before
                os._exit(1)

    return subprocess.Popen(
        arguments,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=die_with_parent,
    )


def _ended(process: subprocess.Popen, flags: int = os.WNOHANG) -> tuple[int, int] | None:
    """Exit code and peak memory of a process that has ended since the last call, else None."""
    if process.returncode is not None:
        return None
    pid, status, usage = os.wait4(process.pid, flags)
    if pid == 0:
        return None
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, _peak(usage)


def _stop(process: subprocess.Popen) -> tuple[int, int]:
    """Kill a process and its loader workers."""
    os.killpg(process.pid, signal.SIGKILL)
    _, peak = _ended(process, flags=0)
    return 0, peak


def _peak(usage: resource.struct_rusage) -> int:
    return usage.ru_maxrss * _MAXRSS_BYTES


def _rank_environments(processes: int) -> list[dict[str, str]]:
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    return [
        {
            'RANK': str(rank),
            'LOCAL_RANK': str(rank),
            'WORLD_SIZE': str(processes),
            'LOCAL_WORLD_SIZE': str(processes),
            'MASTER_ADDR': '127.0.0.1',
            'MASTER_PORT': str(port),
            'OMP_NUM_THREADS': os.environ.get('OMP_NUM_THREADS', '1'),
        }
        for rank in range(processes)
    ]
