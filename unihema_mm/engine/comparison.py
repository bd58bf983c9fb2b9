"""Training and testing of several models in turn, for comparisons."""

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

from mmengine.config import Config

from unihema_mm.engine.testing import METRICS_FILE
from unihema_mm.utils.atomic import write_bytes, write_json
from unihema_mm.utils.checkpoint import find_resume_checkpoint
from unihema_mm.utils.errors import InputError

COST_FILE = 'cost.json'


def train_and_test(cfg: Config, folder: Path, tools: Path) -> dict[str, float]:
    """Train and test one config in a folder, unless this is done.

    ``cost.json`` in the folder gets the seconds of both programs on the clock, ``train_seconds`` and
    ``test_seconds``, and those of the processor in all their processes, ``train_cpu_seconds`` and
    ``test_cpu_seconds``; null for a training that was interrupted and continued.

    Args:
        cfg: Config. Its ``work_dir`` becomes ``folder``.
        folder: Work folder of this model alone; the config as it was given is ``given/config.py`` in it.
        tools: Folder of ``train.py`` and ``test.py``.

    Returns:
        The metrics of the test.

    Raises:
        InputError: The folder holds the run of another config, or a program fails.
    """
    # The programs write the config of their run into the work folder, that of the test with a checkpoint.
    config, metrics = folder / 'given' / 'config.py', folder / METRICS_FILE
    cfg.work_dir = str(folder)
    if not config.exists():
        write_bytes(config, cfg.pretty_text.encode())
    elif config.read_text() != cfg.pretty_text:
        raise InputError(
            f'{config}: differs from the config given now; delete {folder} or choose another --work-dir'
        )
    if not metrics.exists():
        cost = folder / COST_FILE
        spent = json.loads(cost.read_text()) if cost.exists() else {}
        if not spent:
            continued = find_resume_checkpoint(folder) is not None
            train = _run(tools / 'train.py', config, '--work-dir', folder, '--resume')
            spent = {f'train_{name}': None if continued else value for name, value in train.items()}
            write_json(cost, spent)
        test = _run(tools / 'test.py', config, find_resume_checkpoint(folder), '--work-dir', folder)
        write_json(cost, spent | {f'test_{name}': value for name, value in test.items()})
    return json.loads(metrics.read_text())


def _run(tool: Path, *arguments: str | Path) -> dict[str, float]:
    """Run a program; returns its seconds."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    code = subprocess.run([sys.executable, tool, *map(str, arguments)]).returncode
    seconds, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if code:
        raise InputError(f'{tool.name} {arguments[0]}: ended with exit code {code}, see above')
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return dict(cpu_seconds=round(cpu, 1), seconds=round(seconds, 1))
