"""Models and data sets inside their wrappers."""

from collections.abc import Iterator

from mmengine.model import BaseTTAModel, is_model_wrapper
from mmengine.runner import BaseLoop, Runner
from torch import nn
from torch.utils.data import Dataset


def unwrapped(model: nn.Module) -> nn.Module:
    """The model itself inside the wrappers of distributed runs and of test-time augmentation."""
    while is_model_wrapper(model) or isinstance(model, BaseTTAModel):
        model = model.module
    return model


def leaf_datasets(dataset: Dataset) -> Iterator[Dataset]:
    """The data sets inside wrappers that hold ``datasets`` or one ``dataset``."""
    inner = getattr(dataset, 'datasets', None) or [getattr(dataset, 'dataset', None)]
    if inner[0] is None:
        yield dataset
        return
    for part in inner:
        yield from leaf_datasets(part)


def built_datasets(runner: Runner, *splits: str) -> Iterator[Dataset]:
    """The data sets inside the wrappers of the loops of a run, such as 'train' and 'val', that are built."""
    for split in splits:
        loop = getattr(runner, f'_{split}_loop')
        if isinstance(loop, BaseLoop):
            yield from leaf_datasets(loop.dataloader.dataset)
