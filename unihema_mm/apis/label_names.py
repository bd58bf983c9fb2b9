"""Names of the classes that a model was trained with, from its weights and its config."""

import inspect
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from mmengine.config import Config
from torch import nn

from unihema_mm.engine.stages.label_spaces import (
    LabelSpaces,
    find_label_spaces,
    first_difference,
    stored_label_spaces,
)
from unihema_mm.registry import DATASETS
from unihema_mm.utils.errors import InputError

_LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')


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


class _NamedSet(NamedTuple):
    """What :func:`find_label_spaces` asks a data set for."""

    ann_file: str
    metainfo: Mapping[str, Any]
    tasks: tuple[str, ...]


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


def find_names(model: nn.Module, cfg: Config, checkpoint: Mapping, source: str) -> LabelSpaces:
    """Find what the outputs of a model stand for.

    First come the label spaces of the checkpoint, then the names of classes of the data it was trained with,
    then those that the config gives. A part whose names nothing tells is left out.

    Args:
        model: Model with its tasks.
        cfg: Its config.
        checkpoint: Whole checkpoint.
        source: Its file, for messages.

    Raises:
        InputError: Two sources name one part differently, or not as many as it has outputs.
    """
    configured = list(sets_of_config(cfg))
    stored = stored_label_spaces(checkpoint)
    told = find_label_spaces(model, _told_by_meta(checkpoint, configured, source))
    given = find_label_spaces(model, _told_by_config(configured, source))
    for part, space in stored.items():
        attributes = part in given and 'attributes' in given[part] and 'attributes' in space
        difference = first_difference(given[part], space) if attributes else None
        if difference is not None:
            raise InputError(f'{source}: {part}: {difference}; use the config it was trained with')
    spaces = {**given, **told, **stored}
    modules = dict(model.named_modules())
    for part, space in spaces.items():
        module = modules.get(part.removesuffix('.cls_branches'))
        outputs = getattr(module, 'num_classes', None)
        if 'classes' in space and isinstance(outputs, int) and outputs != len(space['classes']):
            raise InputError(
                f'{source}: {part} has {outputs} outputs, but {len(space["classes"])} classes are named; '
                'use the config it was trained with'
            )
    return spaces


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


def _told_by_meta(checkpoint: Mapping, configured: list[SetConfig], source: str) -> Iterator[_NamedSet]:
    meta = checkpoint.get('meta')
    info = meta.get('dataset_meta') if isinstance(meta, Mapping) else None
    if not isinstance(info, Mapping):
        return
    trained = [item for item in configured if item.loader == _LOADERS[0]]
    sets = info.get('sets') if isinstance(info.get('sets'), Mapping) else {}
    for name, own in sets.items():
        tasks = {task: None for item in trained if item.name == name for task in item.tasks}
        if tasks and isinstance(own, Mapping):
            yield _NamedSet(source, own, tuple(tasks))
    if not sets:
        yield _NamedSet(source, info, tuple({task: None for item in trained for task in item.tasks}))


def _told_by_config(configured: list[SetConfig], source: str) -> Iterator[_NamedSet]:
    for item in configured:
        metainfo = item.config.get('metainfo') or {}
        classes = item.config.get('classes') or metainfo.get('classes')
        if classes is not None:
            yield _NamedSet(source, {'classes': classes}, item.tasks)
