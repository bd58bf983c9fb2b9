"""From a command line to a running mmengine Runner."""

import argparse
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import torch
from mmengine.config import Config, DictAction
from mmengine.logging import print_log
from torch import distributed as dist

from unihema_mm.engine.data_paths import move_data_root
from unihema_mm.utils.checkpoint import enable_safe_checkpoints, find_checkpoint, find_resume_checkpoint
from unihema_mm.utils.errors import InputError
from unihema_mm.utils.folder_lock import folder_lock

LAUNCHERS = ('none', 'pytorch', 'slurm', 'mpi')
# Variables of the environment with rank, number of processes and rank on the machine.
_RANK_NAMES = {
    'pytorch': ('RANK', 'WORLD_SIZE', 'LOCAL_RANK'),
    'slurm': ('SLURM_PROCID', 'SLURM_NTASKS', 'SLURM_LOCALID'),
    'mpi': ('OMPI_COMM_WORLD_RANK', 'OMPI_COMM_WORLD_SIZE', 'OMPI_COMM_WORLD_LOCAL_RANK'),
}
_WORKERS_NOTICE = 15.0  # seconds; torch's loader workers look every 5 seconds whether their process is alive

# What mmengine's registries and Python say of a misspelt type and of a misspelt or absent field.
_CONFIG_FAULTS = re.compile(
    r'\w+ is not in the \S+ registry'
    r'|\w+(\.__init__)?\(\) (got an unexpected keyword argument|missing \d+ required) .*'
    r'|`cfg` or `default_args` must contain the key "type"'
)


class ConfigOptions(DictAction):
    """mmengine's ``DictAction``, with one line for options that are not ``KEY=VALUE``."""

    def __call__(self, parser, namespace, values, option_string=None) -> None:
        """Parse the options."""
        for value in values:
            if not value.partition('=')[0] or '=' not in value:
                raise argparse.ArgumentError(self, f'{value}: must have the form KEY=VALUE')
        try:
            super().__call__(parser, namespace, values, option_string)
        except AssertionError as error:
            raise argparse.ArgumentError(self, str(error)) from None


def load_config(
    path: str, options: dict | None = None, work_dir: str | None = None, launcher: str = 'none'
) -> Config:
    """Read a config file for a run.

    Args:
        path: Config file.
        options: Values that replace those of the file, ``{'a.b': value}``. ``data_root`` moves every path
            of the config that is the old ``data_root`` or below it
            (:func:`~unihema_mm.engine.data_paths.move_data_root`); other options come after it.
        work_dir: Folder of logs and checkpoints; by default that of the config, else
            ``work_dirs/<config stem>``.
        launcher: One of :data:`LAUNCHERS`.

    Returns:
        The config with ``work_dir`` and ``launcher`` set and ``unihema_mm`` as default scope.

    Raises:
        InputError: The file does not exist or is not a config, or has no ``data_root`` to replace.
    """
    if not Path(path).is_file():
        raise InputError(f'{path}: config not found')
    try:
        cfg = Config.fromfile(path)
        if options and 'data_root' in options:
            move_data_root(cfg, options['data_root'])
        cfg.merge_from_dict(options or {})
    except InputError:
        raise
    except Exception as error:
        first_line = (str(error).splitlines() or [''])[0]
        raise InputError(f'{path}: config cannot be read ({type(error).__name__}: {first_line})') from error
    cfg.launcher = launcher
    cfg.setdefault('default_scope', 'unihema_mm')
    if work_dir is not None:
        cfg.work_dir = work_dir
    elif cfg.get('work_dir') is None:
        cfg.work_dir = os.path.join('work_dirs', Path(path).stem)
    return cfg


def use_amp(cfg: Config) -> None:
    """Switch the optimizer wrapper to bfloat16 mixed precision (T5 overflows in float16)."""
    for key in ('loss_scale', 'dtype'):
        cfg.optim_wrapper.pop(key, None)
    cfg.optim_wrapper.type = 'Bfloat16OptimWrapper'


def use_auto_scale_lr(cfg: Config) -> None:
    """Scale the learning rate with the batch size of all processes.

    Raises:
        InputError: The config does not name the batch size that its learning rate is for.
    """
    if 'base_batch_size' not in cfg.get('auto_scale_lr', {}):
        raise InputError(f'{cfg.filename}: --auto-scale-lr needs auto_scale_lr=dict(base_batch_size=...)')
    cfg.auto_scale_lr.enable = True


def use_resume(cfg: Config, checkpoint: str | None) -> None:
    """Continue a run from ``checkpoint``, or with ``'auto'`` from the last one in the work folder.

    Without a checkpoint in the work folder the run starts from scratch, from the config's ``load_from``
    where there is one, and says so.
    """
    if checkpoint is None:
        return
    found = find_resume_checkpoint(cfg.work_dir) if checkpoint == 'auto' else checkpoint
    if found is None:
        print_log(f'--resume: no checkpoint in {cfg.work_dir}, the run starts from scratch')
        cfg.resume = False
        return
    cfg.resume, cfg.load_from = True, find_checkpoint(found)


@contextmanager
def run_environment(cfg: Config) -> Iterator[None]:
    """Prepare the process for a Runner of ``cfg``, and leave the process group at the end.

    Checkpoints are read safely from here on. mmengine's launcher calls ``torch.cuda.set_device`` and
    fails on a machine without a GPU; there the process group is opened with gloo before the Runner, and the
    model is wrapped without device ids.

    Args:
        cfg: Config of the run, changed in place.

    Raises:
        InputError: A type or a field of the config is unknown.
    """
    enable_safe_checkpoints()
    if cfg.launcher != 'none' and not torch.cuda.is_available():
        _init_gloo(cfg.launcher)
        cfg.model_wrapper_cfg = {
            'type': 'MMDistributedDataParallel',
            'broadcast_buffers': False,
            'find_unused_parameters': cfg.get('find_unused_parameters', False),
            **cfg.get('model_wrapper_cfg', {}),
            'device_ids': None,
        }
    try:
        yield
    except (KeyError, TypeError) as error:
        fault = _CONFIG_FAULTS.search(str(error))
        if fault is None:
            raise
        raise InputError(f'{cfg.filename}: {fault.group()}; correct its name in the config') from error
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()


def sole_training(cfg: Config) -> AbstractContextManager:
    """Keep other trainings out of the work folder of a run; the processes of the run share it.

    Args:
        cfg: Config of the run.

    Raises:
        InputError: Another training uses the folder.
    """
    names = _RANK_NAMES.get(cfg.launcher)
    is_first = names is None or os.environ.get(names[0], '0') == '0'
    return folder_lock(cfg.work_dir, _WORKERS_NOTICE) if is_first else nullcontext()


def _init_gloo(launcher: str) -> None:
    names = _RANK_NAMES[launcher]
    absent = [name for name in names if name not in os.environ]
    if absent:
        raise InputError(
            f'--launcher {launcher}: environment variable {absent[0]} is not set; start the program '
            f'with {"tools/dist_train.sh" if launcher == "pytorch" else launcher}'
        )
    for target, source in zip(('RANK', 'WORLD_SIZE', 'LOCAL_RANK'), names, strict=True):
        os.environ[target] = os.environ[source]
    os.environ.setdefault('MASTER_PORT', '29500')
    if launcher == 'slurm' and 'MASTER_ADDR' not in os.environ:
        nodes = subprocess.run(
            ['scontrol', 'show', 'hostnames', os.environ['SLURM_NODELIST']],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.split()
        os.environ['MASTER_ADDR'] = nodes[0]
    os.environ.setdefault('MASTER_ADDR', '127.0.0.1')
    dist.init_process_group(backend='gloo')
