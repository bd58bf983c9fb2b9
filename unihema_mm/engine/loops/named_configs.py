"""Loaders and evaluators of several data sets in a config."""

from collections.abc import Iterable, Mapping
from typing import Any

from mmengine.evaluator import Evaluator
from torch.utils.data import DataLoader

from unihema_mm.utils.errors import InputError

_RESERVED = 'dataset'  # by this key a single loader is told from several


def has_named_loaders(dataloader: Any) -> bool:
    """Whether a ``val_dataloader`` or ``test_dataloader`` holds several loaders by name.

    Args:
        dataloader: Value of the config, possibly None.
    """
    return (
        isinstance(dataloader, Mapping)
        and bool(dataloader)
        and _RESERVED not in dataloader
        and all(map(_is_loader, dataloader.values()))
    )


def check_named_configs(split: str, dataloaders: Any, evaluators: Any) -> None:
    """Check that loaders and evaluators are given by name, and for the same names.

    Args:
        split: 'val' or 'test'.
        dataloaders: Loader or loader config by name of the data set.
        evaluators: Evaluator, or config of its metrics, by name of the data set.

    Raises:
        InputError: They are not.
    """
    _check_names(f'{split}_dataloader', dataloaders, 'dict(det=dict(dataset=...))', _is_loader)
    _check_names(f'{split}_evaluator', evaluators, 'dict(det=dict(type=...))', _is_evaluator)
    for one, other, names, others in (
        ('evaluator', 'dataloader', evaluators, dataloaders),
        ('dataloader', 'evaluator', dataloaders, evaluators),
    ):
        absent = _listed(name for name in others if name not in names)
        if absent:
            raise InputError(
                f'{split}_{one}: has no {absent}, which {split}_{other} has; use the same names in both'
            )


def check_gains(split: str, gains: Mapping[str, str], names: Iterable[str]) -> None:
    """Check that gains compare data sets of the loop.

    Args:
        split: 'val' or 'test'.
        gains: Name of a data set -> name of that which it is compared with.
        names: Names of all data sets.

    Raises:
        InputError: A name is unknown, or a data set is compared with itself.
    """
    known = list(names)
    for name, baseline in gains.items():
        for one in (name, baseline):
            if one not in known:
                raise InputError(
                    f'{split}_cfg.gains: data set {one!r} is not one of {_listed(known)}; correct the name'
                )
        if name == baseline:
            raise InputError(f'{split}_cfg.gains: {name} is compared with itself; name another data set')


def _check_names(field: str, configs: Any, example: str, is_config) -> None:
    if not isinstance(configs, Mapping) or not configs:
        raise InputError(f'{field}: must give each data set a name, such as {example}')
    for name, config in configs.items():
        if name == _RESERVED or not is_config(config):
            raise InputError(
                f'{field}: {name!r} is not the name of a data set; several data sets are given as {example}, '
                'in a config with a _base_ together with _delete_=True'
            )
        if not name or '/' in name:
            raise InputError(f'{field}: {name!r} cannot name a data set; use a name without "/"')


def _is_loader(config: Any) -> bool:
    return isinstance(config, DataLoader) or (isinstance(config, Mapping) and 'dataset' in config)


def _is_evaluator(config: Any) -> bool:
    if isinstance(config, Mapping):
        return 'type' in config or 'metrics' in config
    return isinstance(config, Evaluator | list | tuple) and bool(config)


def _listed(names: Iterable[str]) -> str:
    return ', '.join(map(repr, names))
