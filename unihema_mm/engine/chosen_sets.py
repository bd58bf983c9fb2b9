"""One data set among those of a config."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from mmengine.config import Config

from unihema_mm.engine.loops.named_configs import has_named_loaders
from unihema_mm.registry import DATASETS
from unihema_mm.utils.errors import InputError


class ChosenSet(NamedTuple):
    """A data set of a config, without its wrappers.

    Attributes:
        name: Name in the config; None where its loader has a single set.
        datasets: Configs of the data sets inside wrappers such as ``RepeatDataset``.
        loader: Config of the loader, without ``dataset``.
    """

    name: str | None
    datasets: list[dict]
    loader: dict


def choose_set(cfg: Config, split: str, task: str, name: str | None = None) -> ChosenSet:
    """Find a data set in the config of a run; nothing is read.

    Args:
        cfg: Config. The default scope must be set.
        split: 'train', 'val' or 'test'.
        task: Key of the task that the set is for, where no name is given.
        name: Name of the set, in a config with several.

    Raises:
        InputError: The config has no such set, or several for the task.
    """
    sets = {part.name: part for part in _sets(cfg.get(f'{split}_dataloader'))}
    where, option = f'{cfg.filename}: {split}_dataloader', f'--{split}-set'
    if name is not None:
        if name not in sets:
            names = [key for key in sets if key is not None]
            mend = f'use one of {", ".join(names)}' if names else 'its data set has no name, leave it out'
            raise InputError(f'{option} {name}: {where} has no such data set; {mend}')
        return sets[name]
    fitting = [part for part in sets.values() if any(task in _tasks(config) for config in part.datasets)]
    if not fitting:
        raise InputError(f'{where}: has no data set of the task {task!r}; add one')
    if len(fitting) > 1:
        names = ', '.join(str(part.name) for part in fitting)
        raise InputError(
            f'{where}: has {len(fitting)} data sets of the task {task!r} ({names}); choose one with {option}'
        )
    return fitting[0]


def _sets(loader: Mapping | None) -> Iterator[ChosenSet]:
    if has_named_loaders(loader):
        for name, part in loader.items():
            yield ChosenSet(name, list(_leaves(part['dataset'])), _without_dataset(part))
    elif loader is not None:
        named = loader['dataset'].get('datasets')
        parts = named if isinstance(named, Mapping) else {None: loader['dataset']}
        for name, dataset in parts.items():
            if dataset is not None:
                yield ChosenSet(name, list(_leaves(dataset)), _without_dataset(loader))


def _without_dataset(loader: Mapping) -> dict:
    return {key: value for key, value in loader.items() if key != 'dataset'}


def _leaves(config: Mapping) -> Iterator[dict]:
    """Configs inside wrappers that hold ``datasets``, named or not, or one ``dataset``."""
    inner = config.get('datasets') or config.get('dataset')
    if inner is None:
        yield dict(config)
        return
    if isinstance(inner, Mapping):
        inner = [inner] if 'type' in inner else [part for part in inner.values() if part is not None]
    for part in inner:
        yield from _leaves(part)


def _tasks(config: Mapping) -> tuple[str, ...]:
    return getattr(DATASETS.build({**config, 'lazy_init': True}), 'tasks', ())
