"""Runs a command with its output in a log file and a sign of life on the screen."""

import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from .report import Screen, failure

NINJA_STEP = re.compile(r'\[(\d+)/(\d+)\]')


def clean_environment(**changes: str) -> dict[str, str]:
    """Return the process environment without what would leak foreign packages into the new one."""
    environment = {k: v for k, v in os.environ.items() if k not in ('PYTHONPATH', 'PYTHONHOME', 'PIP_TARGET')}
    environment.update(PYTHONNOUSERSITE='1', PIP_DISABLE_PIP_VERSION_CHECK='1', PIP_NO_INPUT='1', **changes)
    return environment


class Runner:
    """Runs the commands of one set-up.

    Args:
        screen: Where signs of life go.
        logs: Folder of the log files.
        lock: Descriptor of the lock. Children inherit it: if this process is killed, the environment stays
            locked until they have ended.
    """

    def __init__(self, screen: Screen, logs: Path, lock: int | None = None):
        self.screen, self.logs = screen, logs
        self.inherit = () if lock is None else (lock,)
        # On a pipe or in a CI log every sign of life is a line of its own.
        self.interval = 1.0 if screen.live else 30.0
        logs.mkdir(parents=True, exist_ok=True)

    def __call__(
        self,
        command: Sequence[str | Path],
        title: str,
        subject: str,
        name: str,
        env: dict[str, str] | None = None,
    ) -> str:
        """Run ``command`` and return its output.

        Args:
            command: Program and arguments.
            title: What the user reads, for example ``[3/7] installing torch``.
            subject: Package to blame where the output names none.
            name: Log file without its ending.
            env: Process environment, ``clean_environment()`` by default.

        Raises:
            SetupError: If the command fails.
        """
        log = self.logs / f'{name}.log'
        command = [str(part) for part in command]
        with log.open('w', encoding='utf-8', errors='replace') as file:
            file.write('$ ' + ' '.join(command) + '\n')
            file.flush()
            try:
                process = subprocess.Popen(
                    command,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    stdin=subprocess.DEVNULL,
                    text=True,
                    errors='replace',
                    env=env or clean_environment(),
                    pass_fds=self.inherit,
                    start_new_session=True,
                )
            except OSError as error:
                raise failure(title, subject, f'error: {command[0]}: {error}', log) from error
            try:
                code = self._follow(process, file, title)
            except BaseException:
                # The child leads its own session, so that its compilers end with it.
                os.killpg(process.pid, signal.SIGTERM)
                process.wait()
                raise
        output = log.read_text(encoding='utf-8', errors='replace')
        if code:
            text = output if code > 0 else f'{output}\nerror: {subject}: Killed by signal {-code}'
            raise failure(title, subject, text, log)
        return output.split('\n', 1)[1]

    def _follow(self, process: subprocess.Popen, file, title: str) -> int:
        """Copy the output into the log until the process ends, and say from time to time how far it is."""
        progress = ['']

        def copy() -> None:
            for line in process.stdout:
                file.write(line)
                file.flush()
                step = NINJA_STEP.search(line)
                if step:
                    progress[0] = f', {step[1]} of {step[2]} files'

        reader = threading.Thread(target=copy, daemon=True)
        reader.start()
        began = shown = time.monotonic()
        while process.poll() is None:
            time.sleep(0.05)
            if time.monotonic() - shown >= self.interval:
                shown = time.monotonic()
                self.screen.tick(f'{title}: {shown - began:.0f} s{progress[0]}')
        reader.join()
        return process.returncode
