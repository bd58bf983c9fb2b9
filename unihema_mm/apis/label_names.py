"""Names of the classes that a model was trained with, from its weights and its config."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from mmengine.config import Config
from torch import nn

from unihema_mm.engine.config_sets import TRAINING, SetConfig, sets_of_config
from unihema_mm.engine.stages.label_spaces import (
    LabelSpaces,
    find_label_spaces,
    first_difference,
    stored_label_spaces,
)
from unihema_mm.utils.errors import InputError


class _NamedSet(NamedTuple):
    """What :func:`find_label_spaces` asks a data set for."""

    ann_file: str
    metainfo: Mapping[str, Any]
    tasks: tuple[str, ...]


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


def _told_by_meta(checkpoint: Mapping, configured: list[SetConfig], source: str) -> Iterator[_NamedSet]:
    meta = checkpoint.get('meta')
    info = meta.get('dataset_meta') if isinstance(meta, Mapping) else None
    if not isinstance(info, Mapping):
        return
    trained = [item for item in configured if item.loader == TRAINING]
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
