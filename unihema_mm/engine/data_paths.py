"""Where a config looks for its data."""

import os.path as osp
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.logging import print_log

from unihema_mm.engine.loops.named_configs import has_named_loaders
from unihema_mm.utils.errors import InputError, MissingFileError

SYNTHETIC = 'data/synthetic'


def move_data_root(cfg: Config, new: str) -> None:
    """Replace the data folder of a config wherever it stands.

    A config file hands ``data_root`` to its loaders while it is read, so that a later change of the name
    alone would do nothing.

    Args:
        cfg: Config with a top-level ``data_root``, changed in place: that folder, and every path below
            it (such as a tokenizer's), becomes the same place in ``new``.
        new: Data folder.

    Raises:
        InputError: The config has no ``data_root``, or no data set in it.
    """
    old = str(cfg.get('data_root') or '').rstrip('/')
    if not old:
        raise InputError(
            f'{cfg.filename}: has no data_root to replace; set data_root of each dataset, such as '
            'train_dataloader.dataset.data_root'
        )
    if 'stage_data' in cfg:
        raise InputError(
            f'{cfg.filename}: data_root: a stage takes its sets from the folders below stage_data.root, give '
            '--cfg-options stage_data.root=FOLDER stage.sets=[NAME]'
        )
    loaders = [cfg.get(f'{split}_dataloader') for split in ('train', 'val', 'test')]
    roots = {str(dataset.get('data_root') or '').rstrip('/') for dataset in dataset_configs(loaders)}
    others = sorted(root for root in roots if root != old and not root.startswith(f'{old}/'))
    if others and len(others) == len(roots):
        raise InputError(
            f'{cfg.filename}: data_root: is {old}, but the data sets are in {", ".join(others)}; set '
            'data_root of each, such as train_dataloader.dataset.datasets.NAME.data_root'
        )
    if others:
        print_log(f'data_root={new} leaves the data sets in {", ".join(others)} where they are', 'current')
    for key in list(cfg):
        cfg[key] = _moved(cfg[key], old, str(new).rstrip('/') or '/')


def check_data_paths(cfg: Config, splits: Sequence[str]) -> None:
    """Check that data folders and annotation files exist, before a model is built.

    Args:
        cfg: Config of the run.
        splits: Those of 'train', 'val' and 'test' that the run reads.

    Raises:
        MissingFileError: A folder or file does not exist.
    """
    for split in splits:
        dataloader = cfg.get(f'{split}_dataloader')
        if has_named_loaders(dataloader):
            for name, part in dataloader.items():
                _check(f'{split} data {name}', part)
        else:
            _check(f'{split} data', dataloader)


def _check(what: str, dataloader: dict | None) -> None:
    for dataset in dataset_configs(dataloader):
        root, ann_file = (str(dataset.get(key) or '') for key in ('data_root', 'ann_file'))
        path = osp.join(root, ann_file)
        if dataset.get('backend_args') or '://' in path:
            continue
        if root and not Path(root).is_dir():
            raise MissingFileError(f'{what}: data_root {root} not found; {_mend(root)}')
        if ann_file and not Path(path).exists():
            raise MissingFileError(f'{what}: ann_file {path} not found; {_mend(root)}')


def _mend(root: str) -> str:
    if osp.normpath(root) == SYNTHETIC:
        return f'make it with: python tools/prepare_data.py synthetic --out {SYNTHETIC}'
    return 'correct it, or give --cfg-options data_root=FOLDER'


def dataset_configs(node: Any) -> Iterator[dict]:
    """Dataset configs at and below a node, inside wrappers too."""
    if isinstance(node, dict):
        if 'data_root' in node or 'ann_file' in node:
            yield node
        node = list(node.values())
    if isinstance(node, list | tuple):
        for value in node:
            yield from dataset_configs(value)


def _moved(node: Any, old: str, new: str) -> Any:
    if isinstance(node, dict):
        for key, value in node.items():
            node[key] = _moved(value, old, new)
    elif isinstance(node, list | tuple):
        return type(node)(_moved(value, old, new) for value in node)
    elif isinstance(node, str) and (node == old or node.startswith(f'{old}/')):
        return new + node[len(old) :]
    return node
