"""What the result of a stage depends on, as hashes."""

import json
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from mmengine.config import Config

import unihema_mm
from unihema_mm.engine.data_paths import dataset_configs
from unihema_mm.engine.hooks.stage_start_hook import StageStartHook, find_start_file
from unihema_mm.utils.file_hash import file_sha256

# Part -> name -> hash.
Fingerprint = dict[str, dict[str, str | None]]

_OF_THE_PLACE = ('work_dir', 'launcher')
_CODE = ('*.py', '*.yaml')
_SHOWN = 3


def fingerprint_of(cfg: Config, processes: int = 1) -> Fingerprint:
    """Hash what the result of a stage depends on.

    - ``config``: each top-level field, work folders left out, and the number of processes;
    - ``code``: the Python files of the package, and its tables, such as the tree of classes;
    - ``data``: the annotation files of all data sets and the files of the tokenizer; images are not read;
    - ``starts``: the checkpoints that the stage starts from, and the files of pretrained weights.

    Args:
        cfg: Config of the stage after :func:`~unihema_mm.engine.stages.apply_stage`.
        processes: Number of processes that train it.

    Returns:
        Part -> name -> SHA-256; None for a file that is absent.
    """
    fields = {key: value for key, value in cfg.to_dict().items() if key not in _OF_THE_PLACE}
    fields['custom_hooks'] = [_without_places(hook) for hook in fields.get('custom_hooks', ())]
    return {
        'config': {key: _hash(value) for key, value in {**fields, 'processes': processes}.items()},
        'code': _code(),
        'data': {str(path): _file(path) for path in _data_files(cfg)},
        'starts': dict(_starts(cfg)),
    }


def differences(old: Fingerprint, new: Fingerprint) -> list[str]:
    """Name the parts that differ, with the first of their names, such as ``'config (train_cfg)'``."""
    result = []
    for part, values in new.items():
        before = old.get(part, {})
        names = [name for name in {**before, **values} if before.get(name) != values.get(name)]
        if names:
            more = f', {len(names) - _SHOWN} more' if len(names) > _SHOWN else ''
            result.append(f'{part} ({", ".join(names[:_SHOWN])}{more})')
    return result


def _hash(value: Any) -> str:
    return sha256(json.dumps(value, sort_keys=True, default=repr).encode()).hexdigest()


def _file(path: Path) -> str | None:
    return file_sha256(path) if path.is_file() else None


def _without_places(hook: Mapping) -> dict:
    """The hook without the files that a stage starts from: their content counts, not their place."""
    if hook.get('type') != StageStartHook.__name__:
        return dict(hook)
    return {**hook, 'starts': [start.get('modules') for start in hook['starts']]}


def _code() -> dict[str, str | None]:
    package = Path(unihema_mm.__file__).parent
    files = sorted(path for kind in _CODE for path in package.rglob(kind))
    return {path.relative_to(package).as_posix(): _file(path) for path in files}


def _data_files(cfg: Config) -> Iterator[Path]:
    files = {}
    for split in ('train', 'val', 'test'):
        for dataset in dataset_configs(cfg.get(f'{split}_dataloader')):
            if dataset.get('ann_file'):
                files[Path(dataset.get('data_root') or '', dataset['ann_file'])] = None
    tokenizer = (cfg.model.get('text_encoder') or {}).get('tokenizer')
    if tokenizer and Path(tokenizer).is_dir():
        files.update(dict.fromkeys(path for path in sorted(Path(tokenizer).iterdir()) if path.is_file()))
    yield from files


def _starts(cfg: Config) -> Iterator[tuple[str, str | None]]:
    hooks = [hook for hook in cfg.get('custom_hooks', ()) if hook.get('type') == StageStartHook.__name__]
    for number, start in enumerate((start for hook in hooks for start in hook['starts']), start=1):
        file = find_start_file(start['checkpoint'])
        yield f'{number}: {Path(start["checkpoint"]).name}', file and _file(Path(file).expanduser())
    for field, place in [('load_from', cfg.get('load_from')), *_pretrained(cfg.model, 'model')]:
        path = Path(place).expanduser() if isinstance(place, str) else None
        if path is not None and path.is_file():
            yield field, _file(path)
        elif path is not None and path.is_dir():
            yield from (
                (f'{field}: {file.name}', _file(file)) for file in sorted(path.iterdir()) if file.is_file()
            )


def _pretrained(node: Any, field: str) -> Iterator[tuple[str, Any]]:
    """Fields of a model that may name files of weights."""
    if isinstance(node, Mapping):
        init = node.get('init_cfg')
        if isinstance(init, Mapping):
            yield f'{field}.init_cfg.checkpoint', init.get('checkpoint')
        if isinstance(node.get('model'), str):  # a T5
            yield f'{field}.model', node['model']
        for key, value in node.items():
            yield from _pretrained(value, f'{field}.{key}')
