"""From files to a model that is ready to predict."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import nn

from unihema_mm.engine.config_sets import sets_of_config
from unihema_mm.engine.portable_config import HERE, PortableConfig
from unihema_mm.engine.stages.label_spaces import ANNOTATED
from unihema_mm.models.tasks import (
    CellClassificationTask,
    DetectionTask,
    InstanceMaskTask,
    MorphologyTask,
    TaskDict,
)
from unihema_mm.registry import MODELS
from unihema_mm.structures.attributes import AttributeSchema
from unihema_mm.utils.checkpoint import check_fit, read_checkpoint
from unihema_mm.utils.errors import InputError

from .label_names import find_names
from .model_files import find_model

AttributesOfClasses = Mapping[str, Sequence[str]]

_TEXT_PARTS = ('text_encoder', 'text_decoder')
_TEXT_FILES = ['*.json', '*.model', '*.txt']


@dataclass(frozen=True)
class LoadedModel:
    """A model with what its outputs stand for.

    Attributes:
        model: On its device, in evaluation mode, float32.
        cfg: Its config.
        source: File of its weights.
        classes: Class names of detected cells, empty where the model does not detect.
        learned: Tasks that it was trained for, in the order of its config.
        cell_classes: Class names of single-cell images, empty where it does not classify.
        cell_schema: Attributes of detected cells.
        image_schema: Attributes of single-cell images.
        cell_attributes: Class -> the attributes that its cells had on the fields of the training; None where
            the checkpoint does not tell.
        image_attributes: The same of single-cell images.
    """

    model: nn.Module = field(repr=False)
    cfg: Config = field(repr=False)
    source: str
    classes: tuple[str, ...]
    learned: tuple[str, ...]
    cell_classes: tuple[str, ...] = ()
    cell_schema: AttributeSchema | None = None
    image_schema: AttributeSchema | None = None
    cell_attributes: AttributesOfClasses | None = None
    image_attributes: AttributesOfClasses | None = None

    @property
    def device(self) -> torch.device:
        """Where the model computes."""
        return next(self.model.parameters()).device


def load_model(
    model: str | os.PathLike,
    config: str | os.PathLike | None = None,
    device: str | torch.device | None = None,
    download: bool = False,
) -> LoadedModel:
    """Load a trained model for prediction.

    Checkpoints are read without running code from them, and nothing of the data that the model was trained
    with is needed, nor pretrained weights: all weights are in the checkpoint.

    Args:
        model: Folder of a published model; checkpoint (``.pth``, ``.safetensors``); work folder of a run,
            whose last checkpoint is taken; or the name of a published model on the Hugging Face Hub.
        config: Config that the checkpoint was trained with; by default the one beside it.
        device: Such as 'cuda:0'; by default the GPU where there is one, else the CPU.
        download: Whether a name may be downloaded.

    Returns:
        The model.

    Raises:
        InputError: Something is missing or does not fit; one line that names it.
    """
    files = find_model(model, config, download)
    source = str(files.weights)
    checkpoint = read_checkpoint(files.weights)
    init_default_scope(files.config.get('default_scope', 'unihema_mm'))
    built = _build(files.config, download)
    check_fit(built, checkpoint, source)
    spaces = find_names(built, files.config, checkpoint, source)
    built.float().to(_device(device)).eval()
    if hasattr(built, 'predict_by_size'):
        built.predict_by_size = True  # else padding lets a result depend on the rest of its batch
    classes = tuple(spaces.get('bbox_head.cls_branches', {}).get('classes', ()))
    found = {}
    for key, task in built.tasks.items():
        if isinstance(task, CellClassificationTask):
            found['cell_classes'] = tuple(spaces.get(f'tasks.{key}.head', {}).get('classes', ()))
            found['image_schema'] = task.attribute_head.schema if task.attribute_head is not None else None
            found['image_attributes'] = spaces.get(f'tasks.{key}.attribute_head', {}).get(ANNOTATED)
        elif isinstance(task, MorphologyTask):
            found['cell_schema'] = task.head.schema
            found['cell_attributes'] = spaces.get(f'tasks.{key}.head', {}).get(ANNOTATED)
    learned = _learned(built.tasks, files.config, bool(classes), bool(found.get('cell_classes')))
    return LoadedModel(built, files.config, source, classes, learned=learned, **found)


def _device(name: str | torch.device | None) -> torch.device:
    if name is None:
        return torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = (str(error).splitlines() or [''])[0]
        raise InputError(f'device {name}: cannot be used ({reason}); give cpu, or cuda with a GPU') from None
    return device


def _build(cfg: Config, download: bool) -> nn.Module:
    for part in _TEXT_PARTS:
        node = cfg.model.get(part)
        if isinstance(node, Mapping):
            for key in ('model', 'tokenizer'):
                if isinstance(node.get(key), str):
                    node[key] = _local_text_model(node[key], f'model.{part}.{key}', cfg, download)
    portable = PortableConfig(cfg)
    for part in _TEXT_PARTS:
        node = portable.cfg.model.get(part)
        if isinstance(node, Mapping) and isinstance(node.get('tokenizer'), str):
            node.tokenizer = portable.tokenizers[node.tokenizer.removeprefix(f'{HERE}/')]
    model = MODELS.build(portable.cfg.model)
    if not isinstance(getattr(model, 'tasks', None), TaskDict):
        raise InputError(
            f'{cfg.filename}: is a {type(model).__name__}, not a UniHema; use the inferencer of the library '
            'it comes from, such as mmdet.apis.DetInferencer'
        )
    return model


def _local_text_model(name: str, field: str, cfg: Config, download: bool) -> str:
    """Folder of a tokenizer or text model; a relative one is looked for from the config upwards, too."""
    if Path(name).expanduser().is_dir():
        return str(Path(name).expanduser())
    for folder in Path(cfg.filename or '.').resolve().parents:
        if (folder / name).is_dir():
            return str(folder / name)
    mend = 'publish the model with tools/model_converters/publish.py, its folder then holds the tokenizer'
    if name.count('/') > 1 or name.startswith(('.', '/', '~', 'data/')):
        raise InputError(f'{cfg.filename}: {field}: folder {name} not found; {mend}')
    from huggingface_hub import snapshot_download

    try:
        return snapshot_download(name, allow_patterns=_TEXT_FILES, local_files_only=not download)
    except (OSError, ValueError) as error:
        reason = 'it is not on this machine' if not download else str(error).strip().splitlines()[0]
        raise InputError(
            f'{cfg.filename}: {field}: {name} cannot be read ({reason}); {mend}, or give download=True'
        ) from None


def _learned(tasks: TaskDict, cfg: Config, detects: bool, classifies: bool) -> tuple[str, ...]:
    """Tasks that the data sets of the config are for, as far as the names of their classes are known.

    A stage tests what earlier stages have learned.
    """
    meant = {task for item in sets_of_config(cfg) for task in item.tasks}
    learned = []
    for key, task in tasks.items():
        named = True
        if isinstance(task, CellClassificationTask):
            named = classifies
        elif isinstance(task, DetectionTask | MorphologyTask | InstanceMaskTask):
            named = detects
        if named and (key in meant or not meant):
            learned.append(key)
    return tuple(learned)
