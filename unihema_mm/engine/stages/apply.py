"""From the declaration of a stage to a config that a runner takes."""

import os
import sys
from collections.abc import Mapping

from mmengine.config import Config, ConfigDict

from unihema_mm.utils.errors import InputError

from .declaration import Stage, read_stage
from .schedule import use_auto_schedule
from .stage_loaders import StageLoaders, make_loaders


def apply_stage(cfg: Config) -> Stage | None:
    """Complete the config of a stage: its loaders, what is trained, where it starts.

    The sets that are prepared become its loaders and metrics, ``model.trained`` is what the stage trains,
    the heads get the number of classes of the sets, and ``StageStartHook`` loads the starting weights.
    ``stage`` and ``stage_data`` are taken out, so that the config which the runner writes is complete in
    itself; ``stage_name`` remains.

    Args:
        cfg: Config of a run, changed in place; left alone where it has no ``stage``.

    Returns:
        The declaration, None where there is none.

    Raises:
        InputError: The declaration is wrong, or no set is prepared; see :func:`make_loaders`.
    """
    stage = read_stage(cfg)
    if stage is None:
        return None
    _say(f'stage {stage.number}, {stage.name}: trains {", ".join(stage.trains)}')
    stage_data = cfg.pop('stage_data', None)
    if not isinstance(stage_data, Mapping):
        raise InputError(f'{stage.source}: stage_data: is {stage_data!r}; take it from _base_/datasets')
    loaders = make_loaders(stage, stage_data, _say)
    _set_data(cfg, loaders)
    if stage.schedule is not None:
        use_auto_schedule(cfg, stage.schedule, stage.tasks, _say)
    _set_heads(cfg, stage_data, loaders)
    cfg.model.trained = [*stage.trains]
    starts = [
        dict(checkpoint=start.checkpoint, modules=start.modules and [*start.modules])
        for start in stage.starts_from
    ]
    hook = dict(type='StageStartHook', starts=starts, initialised=[*stage.initialised])
    cfg.custom_hooks = [*cfg.get('custom_hooks', ()), hook]
    cfg.stage_name = f'{stage.number}: {stage.name}'
    cfg.pop('stage')
    return stage


def _set_data(cfg: Config, loaders: StageLoaders) -> None:
    cfg.train_dataloader = loaders.train_dataloader
    # The learning rate of a stage is for its batch.
    cfg.auto_scale_lr = dict(enable=False, base_batch_size=cfg.train_dataloader['batch_size'])
    for split in ('val', 'test'):
        dataloader = getattr(loaders, f'{split}_dataloader')
        cfg[f'{split}_dataloader'] = dataloader or None
        cfg[f'{split}_evaluator'] = getattr(loaders, f'{split}_evaluator') or None
        if not dataloader:
            cfg[f'{split}_cfg'] = None
    if loaders.gains:
        cfg.test_cfg.gains = loaders.gains


def _set_heads(cfg: Config, stage_data: Mapping, loaders: StageLoaders) -> None:
    """Give each head that ``stage_data`` names the number of classes of its task."""
    for task, names in loaders.classes.items():
        path = stage_data[task].get('head')
        if path is None:
            continue
        node = cfg.model
        for name in path.split('.'):
            node = node.get(name) if isinstance(node, Mapping) else None
        if not isinstance(node, ConfigDict):
            raise InputError(f'stage_data.{task}.head: the model has no {path!r}; correct it')
        node.num_classes = len(names)


def _say(text: str, warning: bool = False) -> None:
    """Print before there is a logger, in one process of a distributed run."""
    if os.environ.get('RANK', '0') == '0':
        print(f'warning: {text}' if warning else text, file=sys.stderr if warning else sys.stdout, flush=True)
