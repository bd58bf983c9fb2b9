"""What a stage config says about itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from numbers import Real
from pathlib import Path

from mmengine.config import Config

from unihema_mm.utils.errors import InputError
from unihema_mm.utils.names import nearest_names

from .schedule import AutoSchedule, read_schedule

ALL_SETS = 'all'
EPOCH_LENGTHS = ('longest', 'shortest')


@dataclass(frozen=True)
class Start:
    """Where some modules of a stage get their first weights from.

    Attributes:
        checkpoint: File or address, or work folder whose result (last or best checkpoint) is meant.
        modules: Dotted names of modules and parameters that come from it; None for all that no other start
            gives and that are not ``initialised``.
    """

    checkpoint: str
    modules: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Stage:
    """Declaration of one training stage, ``stage`` of its config.

    Attributes:
        number: Its place in the curriculum, from 1.
        name: What it trains, in a few words.
        trains: Dotted names of the modules and parameters that are trained; all others are frozen.
        tasks: Task -> its samples in a step.
        tests: Tasks that are evaluated, those of earlier stages too: what was forgotten shows there.
        starts_from: Where weights come from. Empty where the model starts as it initialises itself.
        initialised: Modules and parameters that no start has.
        sets: Names of the data folders, or ``'all'`` that are prepared.
        temperature: Exponent of the sizes of the sets of a task in the probability of a draw.
        rare_below: Share of the images of a set below which a class is rare there: the images that show it
            are repeated, see mmengine's ``ClassBalancedDataset``; 0 repeats none.
        steps: Length of an epoch: 'longest' or 'shortest' task, or a number of steps.
        schedule: When it ends before its planned length, None for never.
        rehearsal: Share of the samples of a step that come from tasks of earlier stages, so that these are
            not forgotten; 0 for none.
        rehearses: Tasks of earlier stages that read what this stage trains, those that it could spoil.
    """

    number: int
    name: str
    trains: tuple[str, ...]
    tasks: dict[str, int]
    tests: tuple[str, ...] = ()
    starts_from: tuple[Start, ...] = ()
    initialised: tuple[str, ...] = ()
    sets: str | tuple[str, ...] = ALL_SETS
    temperature: float = 1.0
    rare_below: float = 0.0
    steps: str | int = 'longest'
    schedule: AutoSchedule | None = None
    rehearsal: float = 0.0
    rehearses: tuple[str, ...] = ()
    source: str = field(default='config', compare=False)

    @property
    def rehearsed(self) -> dict[str, int]:
        """Task of an earlier stage -> its samples in a step, at least one each; empty without rehearsal."""
        if not self.rehearsal:
            return {}
        total = sum(self.tasks.values()) * self.rehearsal / (1 - self.rehearsal)
        return {task: max(1, round(total / len(self.rehearses))) for task in self.rehearses}

    @property
    def composition(self) -> dict[str, int]:
        """Task -> its samples in a step, with those that are rehearsed."""
        return {**self.tasks, **self.rehearsed}


def read_stage(cfg: Config) -> Stage | None:
    """Read and check the declaration of a config.

    ``dict(stage=1, modules=[...])`` in ``starts_from`` means the result of the work folder ``stage1``
    beside that of the config, ``dict(checkpoint=..., modules=[...])`` a file or another work folder;
    without ``modules`` the whole model starts from it.

    Args:
        cfg: Config of a run, with ``work_dir``.

    Returns:
        The declaration, None where the config has none.

    Raises:
        InputError: A field is unknown, missing or wrong.
    """
    declared = cfg.get('stage')
    if declared is None:
        return None
    reader = _Reader(str(cfg.filename or 'config'), declared)
    known = [item.name for item in fields(Stage) if item.name != 'source']
    for key in declared:
        if key not in known:
            raise reader.error(key, f'is unknown ({nearest_names(key, known)})')
    return Stage(
        number=reader.number('number'),
        name=str(declared.get('name', '')),
        trains=reader.names('trains', required=True),
        tasks=reader.tasks(),
        tests=reader.names('tests') or tuple(reader.tasks()),
        starts_from=reader.starts(Path(cfg.work_dir)),
        initialised=reader.names('initialised'),
        sets=reader.sets(),
        temperature=reader.temperature(),
        rare_below=reader.rare_below(),
        steps=reader.steps(),
        schedule=read_schedule(declared.get('schedule', 'fixed'), f'{reader.source}: stage.schedule'),
        rehearsal=reader.rehearsal(),
        rehearses=reader.rehearses(),
        source=reader.source,
    )


class _Reader:
    """Takes checked fields out of a declaration."""

    def __init__(self, source: str, declared: Mapping) -> None:
        self.source = source
        if not isinstance(declared, Mapping):
            raise InputError(f'{source}: stage: is {declared!r}; write dict(number=..., trains=[...], ...)')
        self.declared = declared

    def error(self, key: str, text: str) -> InputError:
        return InputError(f'{self.source}: stage.{key}: {text}')

    def number(self, key: str) -> int:
        value = self.declared.get(key)
        if type(value) is not int or value < 1:
            raise self.error(key, f'is {value!r}; write a whole number from 1')
        return value

    def names(self, key: str, required: bool = False) -> tuple[str, ...]:
        return self._names(key, self.declared.get(key, ()), required)

    def _names(self, key: str, value: object, required: bool) -> tuple[str, ...]:
        listed = isinstance(value, Sequence) and not isinstance(value, str)
        if (
            not listed
            or not all(isinstance(name, str) and name for name in value)
            or (required and not value)
        ):
            raise self.error(key, f"is {value!r}; write a list of names such as ['encoder', 'tasks.cls']")
        return tuple(value)

    def tasks(self) -> dict[str, int]:
        value = self.declared.get('tasks')
        sound = isinstance(value, Mapping) and value
        if not sound or not all(type(count) is int and count > 0 for count in value.values()):
            raise self.error('tasks', f'is {value!r}; write dict(det=2, cls=2): task and samples in a step')
        return dict(value)

    def starts(self, work_dir: Path) -> tuple[Start, ...]:
        value = self.declared.get('starts_from') or ()
        if not isinstance(value, Sequence) or isinstance(value, str):
            raise self.error('starts_from', f'is {value!r}; write [dict(stage=1, modules=[...])]')
        return tuple(self._start(item, work_dir) for item in value)

    def _start(self, item: object, work_dir: Path) -> Start:
        keys = set(item) - {'modules'} if isinstance(item, Mapping) else None
        if keys not in ({'stage'}, {'checkpoint'}):
            mend = 'write dict(stage=1, modules=[...]) or dict(checkpoint=PATH, modules=[...])'
            raise self.error('starts_from', f'has {item!r}; {mend}')
        modules = None
        if item.get('modules') is not None:
            modules = self._names('starts_from.modules', item['modules'], required=True)
        if 'checkpoint' in item:
            return Start(str(item['checkpoint']), modules)
        number, own = item['stage'], self.number('number')
        if type(number) is not int or not 1 <= number < own:
            raise self.error('starts_from', f'names stage {number!r}; stage {own} starts from earlier ones')
        return Start(str(work_dir.parent / f'stage{number}'), modules)

    def sets(self) -> str | tuple[str, ...]:
        value = self.declared.get('sets', ALL_SETS)
        return value if value == ALL_SETS else self._names('sets', value, required=True)

    def temperature(self) -> float:
        value = self.declared.get('temperature', 1.0)
        if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= value < float('inf'):
            raise self.error('temperature', f'is {value!r}; write a number of at least 0')
        return float(value)

    def rare_below(self) -> float:
        value = self.declared.get('rare_below', 0.0)
        if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= value <= 1:
            raise self.error('rare_below', f'is {value!r}; write a share of the images from 0 to 1, e.g. 0.1')
        return float(value)

    def rehearsal(self) -> float:
        value = self.declared.get('rehearsal', 0.0)
        if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= value < 1:
            raise self.error('rehearsal', f'is {value!r}; write a share from 0 to below 1, e.g. 0.25')
        return float(value)

    def rehearses(self) -> tuple[str, ...]:
        value = self.names('rehearses')
        both = [task for task in value if task in self.tasks()]
        if both:
            raise self.error('rehearses', f'names {both[0]!r}, which the stage trains; take it out')
        return value

    def steps(self) -> str | int:
        value = self.declared.get('steps', 'longest')
        if value not in EPOCH_LENGTHS and (type(value) is not int or value < 1):
            raise self.error('steps', f"is {value!r}; write 'longest', 'shortest' or a number above 0")
        return value
