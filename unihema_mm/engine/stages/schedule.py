"""When a stage moves on: after its planned length, or when its validation has stopped improving."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from numbers import Real

from mmengine.config import Config

from unihema_mm.evaluation.shown_metrics import STAGE_SCORE
from unihema_mm.utils.errors import InputError
from unihema_mm.utils.names import nearest_names


@dataclass(frozen=True)
class AutoSchedule:
    """A stage ends when its score has stopped improving, at the latest after its planned length.

    Attributes:
        patience: Number of validations without an improvement after which it ends.
        min_delta: Points of the score, in percent, that count as an improvement.
        checks: Number of validations over the planned length.
    """

    patience: int = 3
    min_delta: float = 0.2
    checks: int = 10


def read_schedule(value: object, where: str) -> AutoSchedule | None:
    """Read ``stage.schedule``: 'fixed', 'auto', or ``dict(type='auto', patience=3, ...)``.

    Args:
        value: What the config says.
        where: Name of the field, for messages.

    Returns:
        The schedule, None for a fixed one.

    Raises:
        InputError: It is something else, or a number is out of its range.
    """
    options = dict(value) if isinstance(value, Mapping) else {'type': value}
    kind = options.pop('type', None)
    if kind == 'fixed' and not options:
        return None
    if kind != 'auto':
        raise InputError(f"{where}: is {value!r}; write 'fixed', 'auto' or dict(type='auto', patience=3)")
    known = [item.name for item in fields(AutoSchedule)]
    for key in options:
        if key not in known:
            raise InputError(f'{where}.{key}: is unknown ({nearest_names(key, known)})')
    schedule = AutoSchedule(**options)
    for key in ('patience', 'checks'):
        number = getattr(schedule, key)
        if type(number) is not int or number < 1:
            raise InputError(f'{where}.{key}: is {number!r}; write a whole number from 1')
    delta = schedule.min_delta
    if isinstance(delta, bool) or not isinstance(delta, Real) or not 0 <= delta < 100:
        raise InputError(f'{where}.min_delta: is {delta!r}; write points of the score, from 0 to below 100')
    if schedule.checks < schedule.patience + 2:
        raise InputError(
            f'{where}: {schedule.checks} checks with a patience of {schedule.patience} cannot end a stage '
            f'before its planned length; write checks={schedule.patience + 2} or more'
        )
    return schedule


def use_auto_schedule(
    cfg: Config, schedule: AutoSchedule, tasks: Mapping[str, int], say: Callable[..., None]
) -> None:
    """Let the run of a config end when the score of its tasks has stopped improving.

    The epochs, and with them data and learning rates, stay as they are. The best checkpoint becomes the
    result of the run.

    Args:
        cfg: Config of the stage with its loaders, changed in place.
        schedule: When it ends.
        tasks: Tasks that it trains; those that have no validation do not count.
        say: Takes a line of the report; a second argument, ``True``, marks a warning.

    Raises:
        InputError: There is nothing to validate on, or the training is not by epochs.
    """
    train_cfg, loaders = cfg.train_cfg, cfg.val_dataloader
    if not loaders:
        raise InputError(
            f"{cfg.filename or 'config'}: stage.schedule: 'auto' needs a set with a val or test list for "
            f"{', '.join(tasks)}; prepare one, or write 'fixed'"
        )
    if train_cfg.get('type') != 'EpochBasedTrainLoop':
        raise InputError(
            f"{cfg.filename or 'config'}: stage.schedule: 'auto' needs train_cfg.type='EpochBasedTrainLoop', "
            f'not {train_cfg.get("type")!r}'
        )
    cfg.train_cfg = dict(type='CheckedTrainLoop', max_epochs=train_cfg.max_epochs, checks=schedule.checks)
    cfg.merge_from_dict(
        {
            'default_hooks.checkpoint.save_best': STAGE_SCORE,
            'default_hooks.checkpoint.rule': 'greater',
            'default_hooks.checkpoint.result': 'best',
            'default_hooks.logger.log_metric_by_epoch': False,
        }
    )
    hook = dict(type='MoveOnHook', tasks=[*tasks], patience=schedule.patience, min_delta=schedule.min_delta)
    cfg.custom_hooks = [*cfg.get('custom_hooks', ()), hook]
    for name in _validated_on_test(cfg):
        say(f'{name}: its test list ends the stage and chooses its checkpoint; the result is too good', True)


def _validated_on_test(cfg: Config) -> list[str]:
    """Sets whose validation and test read the same file."""
    files = [
        {name: (loader.dataset.data_root, loader.dataset.ann_file) for name, loader in loaders.items()}
        for loaders in (cfg.val_dataloader, cfg.test_dataloader or {})
    ]
    return [name for name, file in files[0].items() if files[1].get(name) == file]
