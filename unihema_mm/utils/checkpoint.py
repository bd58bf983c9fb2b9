"""Checkpoint reading that never runs code from the file.

mmengine 0.10 tries ``weights_only=True`` and, where that fails, silently falls
back to the full unpickler. :func:`enable_safe_checkpoints` replaces the readers
of every address scheme, so that ``load_from``, ``resume``, ``init_cfg`` and the
test checkpoint all pass through :func:`read_checkpoint`.
"""

import json
import os
import re
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path, PurePosixPath
from pickle import UnpicklingError
from typing import Any, NamedTuple
from urllib.parse import urlparse

import numpy as np
import torch
from mmengine.config import ConfigDict
from mmengine.dist import barrier, get_rank
from mmengine.logging import HistoryBuffer
from mmengine.runner import checkpoint as mm_checkpoint
from mmengine.runner import find_latest_checkpoint
from torch import Tensor, nn

from .errors import InputError

_ZOO_NAME = re.compile(r'-[0-9a-f]{8,}$')
_NUMPY_DTYPES = (
    'bool',
    'int8',
    'int16',
    'int32',
    'int64',
    'uint8',
    'uint16',
    'uint32',
    'uint64',
    'float16',
    'float32',
    'float64',
    'str',
)
# File in a work folder with the name of the checkpoint that is its result, where this is not the last one.
RESULT_POINTER = 'result_checkpoint'
# Entry of the metadata of a .safetensors file; a .pth file has the same as ``meta``.
SAFETENSORS_META = 'meta'
# Counters and checks that older files lack; nothing is computed from them.
OPTIONAL_WEIGHTS = ('num_batches_tracked', 'tokenizer_fingerprint')
_HISTORY_METHODS = {
    'min': HistoryBuffer.min,
    'max': HistoryBuffer.max,
    'current': HistoryBuffer.current,
    'mean': HistoryBuffer.mean,
}


def _history_method(owner: type, name: str):
    """Stand in for ``getattr``, which pickled log histories call on ``HistoryBuffer``."""
    if owner is not HistoryBuffer or name not in _HISTORY_METHODS:
        raise UnpicklingError(f'GLOBAL builtins.getattr({owner!r}, {name!r})')
    return _HISTORY_METHODS[name]


def safe_globals() -> list:
    """Classes and functions, beside tensors and containers, that a checkpoint may name.

    They are what mmengine stores: log histories, numpy numbers and arrays, config
    dictionaries. ``getattr`` is replaced by a version that knows the four statistics
    of a log history only.
    """
    allowed: list[Any] = [
        HistoryBuffer,
        ConfigDict,
        slice,
        np.ndarray,
        np.dtype,
        (_history_method, 'builtins.getattr'),
    ]
    allowed += [type(np.dtype(name)) for name in _NUMPY_DTYPES]
    for module in ('numpy.core.multiarray', 'numpy._core.multiarray'):  # numpy 1 and numpy 2 files
        for function in (np.array(0).__reduce__()[0], np.float64(0).__reduce__()[0]):
            allowed.append((function, f'{module}.{function.__name__}'))
    return allowed


def read_checkpoint(filename: str | os.PathLike, map_location: Any = 'cpu') -> dict:
    """Read a local ``.pth`` or ``.safetensors`` file without running code from it.

    Args:
        filename: Path of the file.
        map_location: Device of the tensors, as for :func:`torch.load`.

    Returns:
        The checkpoint; a ``.safetensors`` file gives ``{'state_dict': ...}``, and ``meta`` where its metadata
        have it. The entry ``config`` of ``meta`` is left out: mmengine would run it as code on a resume.

    Raises:
        InputError: The file is absent, cannot be read, or names a class that is not
            in :func:`safe_globals`.
    """
    path = Path(filename).expanduser()
    if not path.is_file():
        raise InputError(f'{path}: checkpoint not found')
    try:
        if path.suffix == '.safetensors':
            return _read_safetensors(path, str(map_location or 'cpu'))
        with torch.serialization.safe_globals(safe_globals()):
            checkpoint = torch.load(path, map_location=map_location, weights_only=True)
    except UnpicklingError as error:
        found = re.search(r'GLOBAL (\S+)', str(error))
        if found is None:
            raise InputError(f'{path}: not a checkpoint of torch, or damaged') from None
        raise InputError(
            f'{path}: refused, it names {found.group(1)}, which could run code; ask its author for a file '
            'with weights only (.safetensors, or torch.save of the state dict)'
        ) from None
    except Exception as error:
        # Truncated files end in RuntimeError, EOFError, KeyError, OSError or SafetensorError.
        raise InputError(
            f'{path}: checkpoint cannot be read, it may be truncated '
            f'({type(error).__name__}: {_first_line(error)})'
        ) from None
    if not isinstance(checkpoint, dict):
        raise InputError(
            f'{path}: holds a {type(checkpoint).__name__}, not the dictionary of a checkpoint; '
            "give a state dict or {'state_dict': ...}"
        )
    if isinstance(checkpoint.get('meta'), dict):
        checkpoint['meta'].pop('config', None)
    return checkpoint


def _read_safetensors(path: Path, device: str) -> dict:
    from safetensors import safe_open
    from safetensors.torch import load_file

    with safe_open(path, framework='pt') as file:
        metadata = file.metadata() or {}
    meta = {'meta': json.loads(metadata[SAFETENSORS_META])} if SAFETENSORS_META in metadata else {}
    return {'state_dict': load_file(path, device=device), **meta}


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [''])[0][:120]


def load_from_safe(filename: str, map_location: Any = None) -> dict:
    """Read from a path, an address, or a ``torchvision://`` or ``open-mmlab://`` name.

    Downloads go to the torch hub cache. (mmengine logs the part of this name after ``load_from_``.)

    Raises:
        InputError: As :func:`read_checkpoint`, and for schemes without a reader.
    """
    scheme, _, name = filename.partition('://')
    if not name:
        return read_checkpoint(filename, map_location)
    if scheme in ('modelzoo', 'torchvision'):
        return _read_url(mm_checkpoint.get_torchvision_models()[name], map_location)
    if scheme in ('open-mmlab', 'openmmlab'):
        return _read_url(mm_checkpoint.get_external_models()[name], map_location)
    if scheme in ('http', 'https'):
        return _read_url(filename, map_location)
    raise InputError(f'{filename}: scheme {scheme}:// is not supported; copy the file to a local path first')


def _read_url(url: str, map_location: Any) -> dict:
    """Read from an address, by way of the cache.

    File names of model zoos end in a hash of the file; others, such as those of published models, which are
    all the same, get one of the address.
    """
    folder, path = Path(torch.hub.get_dir()) / 'checkpoints', PurePosixPath(urlparse(url).path)
    digest = '' if _ZOO_NAME.search(path.stem) else f'-{sha256(url.encode()).hexdigest()[:16]}'
    target = folder / f'{path.stem}{digest}{path.suffix}'
    if int(os.environ.get('LOCAL_RANK', get_rank())) == 0 and not target.exists():  # one for each machine
        target.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(target))
    barrier()
    return read_checkpoint(target, map_location)


def enable_safe_checkpoints() -> None:
    """Let every checkpoint that mmengine reads in this process pass through :func:`read_checkpoint`."""
    loader = mm_checkpoint.CheckpointLoader
    for prefix in list(loader._schemes):
        loader.register_scheme(prefix, load_from_safe, force=True)


def find_resume_checkpoint(work_dir: str | os.PathLike) -> str | None:
    """Path of the checkpoint that a run in ``work_dir`` continues from, None where there is none.

    A folder that was moved or copied is understood: the checkpoint is first looked for by name in
    ``work_dir``.

    Raises:
        InputError: ``last_checkpoint`` names a file that does not exist.
    """
    pointer = Path(work_dir) / 'last_checkpoint'
    if not pointer.is_file():
        return None
    named = (find_latest_checkpoint(str(work_dir)) or '').strip()
    for candidate in (Path(work_dir) / Path(named).name, Path(named)):
        if named and candidate.is_file():
            return str(candidate)
    raise InputError(
        f'{pointer}: names {named or "no file"}, which does not exist; '
        'give --resume PATH or delete this file to start from scratch'
    )


def find_result_checkpoint(work_dir: str | os.PathLike) -> str | None:
    """Path of the checkpoint that the run in ``work_dir`` gives to tests and later stages, None without any.

    The best one where a finished run says so in ``result_checkpoint``, otherwise the last one.

    Raises:
        InputError: The file that is named does not exist.
    """
    pointer = Path(work_dir) / RESULT_POINTER
    if not pointer.is_file():
        return find_resume_checkpoint(work_dir)
    found = pointer.with_name(pointer.read_text().strip())
    if not found.is_file():
        raise InputError(
            f'{pointer}: names {found.name}, which does not exist; delete this file to take the last one'
        )
    return str(found)


class Misfit(NamedTuple):
    """Names of weights by which a state dict differs from a model.

    Attributes:
        missing: Weights that the model has alone; those that older files lack are left out.
        unexpected: Weights that the state dict has alone.
        wrong_shape: Weights of another shape.
    """

    missing: list[str]
    unexpected: list[str]
    wrong_shape: list[str]


def weights_of(checkpoint: Mapping) -> dict[str, Any]:
    """State dict that a checkpoint holds as ``state_dict`` or is, without the prefix 'module.'."""
    weights = checkpoint.get('state_dict', checkpoint)
    return {str(name).removeprefix('module.'): value for name, value in weights.items()}


def load_what_fits(model: nn.Module, weights: Mapping[str, Tensor], source: str) -> Misfit:
    """Load a state dict as far as it fits; the hooks of the model's modules run.

    Args:
        model: Model without wrappers.
        weights: State dict.
        source: Its file, for the message.

    Returns:
        What did not fit.

    Raises:
        InputError: Something in it is no weight.
    """
    kept: list = []
    # The hook sees the names even where a shape makes torch raise.
    handle = model.register_load_state_dict_post_hook(lambda _, keys: kept.append(keys))
    wrong_shape: list[str] = []
    try:
        model.load_state_dict(weights, strict=False)
    except RuntimeError as error:
        wrong_shape = re.findall(r'size mismatch for (\S+):', str(error))
        if not wrong_shape:
            raise InputError(
                f'{source}: weights cannot be loaded ({str(error).splitlines()[-1].strip()})'
            ) from None
    finally:
        handle.remove()
    missing = [name for name in kept[-1].missing_keys if not name.endswith(OPTIONAL_WEIGHTS)]
    return Misfit(missing, kept[-1].unexpected_keys, wrong_shape)


def count_names(names: Sequence[str], kind: str = '') -> str:
    """Names for a message, ``'4 missing (a, b, c, ...)'``."""
    return f'{len(names)}{kind and f" {kind}"} ({", ".join(names[:3])}{", ..." if len(names) > 3 else ""})'


def check_fit(model: nn.Module, checkpoint: dict, source: str) -> None:
    """Load the weights of a checkpoint and refuse any difference of names or shapes.

    Args:
        model: Model without wrappers.
        checkpoint: State dict, or a checkpoint that holds it as ``state_dict``.
        source: Its file, for the message.

    Raises:
        InputError: Weights are missing, unexpected, or of another shape.
    """
    misfit = load_what_fits(model, weights_of(checkpoint), source)
    kinds = zip(('missing', 'unexpected', 'of another shape'), misfit, strict=True)
    found = [count_names(names, kind) for kind, names in kinds if names]
    if found:
        raise InputError(
            f'{source}: does not fit the model, weights: {"; ".join(found)}; test with the config it was '
            'trained with'
        )


def find_checkpoint(name: str) -> str:
    """Check that a checkpoint given by the user exists, as far as this costs no download.

    Raises:
        InputError: ``name`` is a path without a file.
    """
    if '://' not in name and not Path(name).expanduser().is_file():
        raise InputError(f'{name}: checkpoint not found')
    return name
