"""The data sets of a config, without building or reading any."""

import inspect
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from mmengine.config import Config

from unihema_mm.registry import DATASETS

TRAINING = 'train_dataloader'
_LOADERS = (TRAINING, 'val_dataloader', 'test_dataloader')


class SetConfig(NamedTuple):
    """One data set of a config.

    Attributes:
        loader: Key of its loader.
        name: Its name where the config has several, else ''.
        tasks: Tasks of its samples.
        config: Its config.
    """

    loader: str
    name: str
    tasks: tuple[str, ...]
    config: Mapping[str, Any]


def sets_of_config(cfg: Config) -> Iterator[SetConfig]:
    """Data sets of a config, those of the training first; nothing is built or read."""
    for key in _LOADERS:
        loader = cfg.get(key)
        if not isinstance(loader, Mapping):
            continue
        named = {'': loader} if 'dataset' in loader else loader
        for name, part in named.items():
            if isinstance(part, Mapping) and part.get('dataset') is not None:
                yield from _sets(key, name, part['dataset'])


def _sets(loader: str, name: str, node: Any) -> Iterator[SetConfig]:
    """Leaves of a config of data sets that may be wrapped."""
    if not isinstance(node, Mapping):
        return
    if node.get('dataset') is not None:
        yield from _sets(loader, name, node['dataset'])
    elif isinstance(node.get('datasets'), Mapping):
        for key, part in node['datasets'].items():
            yield from _sets(loader, key, part)
    elif isinstance(node.get('datasets'), list | tuple):
        for part in node['datasets']:
            yield from _sets(loader, name, part)
    else:
        yield SetConfig(loader, name, _tasks(node), node)


def _tasks(dataset: Mapping) -> tuple[str, ...]:
    if dataset.get('tasks'):
        return tuple(dataset['tasks'])
    if dataset.get('task'):
        return (dataset['task'],)
    built = DATASETS.get(dataset.get('type', ''))
    default = inspect.signature(built).parameters.get('task') if built is not None else None
    return (default.default,) if default is not None and isinstance(default.default, str) else ()
