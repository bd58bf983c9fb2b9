"""Where the weights and the config of a model lie."""

import os
import re
from pathlib import Path
from typing import NamedTuple

from mmengine.config import Config

from unihema_mm.engine.launch import load_config
from unihema_mm.engine.publishing import CARD, CONFIG, README, WEIGHTS
from unihema_mm.utils.checkpoint import find_resume_checkpoint
from unihema_mm.utils.errors import InputError

from .plain_config import read_plain_config

_HUB_NAME = re.compile(r'[\w.-]+/[\w.-]+')
_PUBLISHED = [WEIGHTS, CONFIG, CARD, README, 'tokenizer*/*']


class ModelFiles(NamedTuple):
    """A model on disk.

    Attributes:
        weights: Its checkpoint.
        config: Its config.
    """

    weights: Path
    config: Config


def find_model(
    model: str | os.PathLike, config: str | os.PathLike | None = None, download: bool = False
) -> ModelFiles:
    """Find weights and config of what a user names.

    Args:
        model: Folder of a published model; checkpoint (``.pth``, ``.safetensors``); work folder of a run,
            whose last checkpoint is taken; or the name of a published model on the Hugging Face Hub.
        config: Config that the checkpoint was trained with; by default the one beside it.
        download: Whether a name may be downloaded.

    Raises:
        InputError: There is no such thing, or its config is not clear.
    """
    path = Path(model).expanduser()
    if not path.exists():
        path = _from_hub(str(model), download)
    weights = path
    if path.is_dir():
        weights = path / WEIGHTS if (path / WEIGHTS).is_file() else _last_checkpoint(path)
    if config is None and weights.name == WEIGHTS:
        return ModelFiles(weights, read_plain_config(weights.parent / CONFIG))
    return ModelFiles(weights, _config_of_run(Path(config) if config else _config_beside(weights)))


def _from_hub(name: str, download: bool) -> Path:
    if not _HUB_NAME.fullmatch(name) or Path(name).suffix in ('.pth', '.safetensors', '.py'):
        raise InputError(
            f'{name}: not found; give a checkpoint, a work folder, a published folder or a Hugging Face name'
        )
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, allow_patterns=_PUBLISHED, local_files_only=not download))
    except LocalEntryNotFoundError:
        mend = (
            'check the network' if download else 'to fetch it from the Hugging Face Hub, give download=True'
        )
        raise InputError(f'{name}: there is no such file or folder on this machine; {mend}') from None
    except (HfHubHTTPError, OSError, ValueError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(f'{name}: cannot be downloaded ({reason}); check the name and the network') from None


def _last_checkpoint(folder: Path) -> Path:
    found = find_resume_checkpoint(folder)
    if found is not None:
        here = folder / Path(found).name  # a copied folder still names the checkpoint of the original
        return here if here.is_file() else Path(found)
    checkpoints = sorted(folder.glob('*.pth'), key=lambda file: file.stat().st_mtime)
    if not checkpoints:
        raise InputError(
            f'{folder}: holds no model ({WEIGHTS}) and no checkpoint (.pth); give the work folder of a '
            'training or a published folder'
        )
    return checkpoints[-1]


def _config_beside(weights: Path) -> Path:
    if not weights.is_file():
        raise InputError(f'{weights}: checkpoint not found')
    found = sorted(weights.parent.glob('*.py'))
    if len(found) != 1:
        names = ', '.join(file.name for file in found[:3]) or 'none'
        raise InputError(
            f'{weights}: its folder should hold the one config that it was trained with, it holds {names}; '
            'give it as config'
        )
    return found[0]


def _config_of_run(path: Path) -> Config:
    cfg = load_config(str(path))
    if cfg.get('stage') is not None:
        raise InputError(
            f'{path}: the config of a stage is completed by the data when it runs; give the one in the work '
            'folder of the training'
        )
    return cfg
