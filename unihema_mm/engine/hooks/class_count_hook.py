"""Model and data must agree on the number of classes."""

import re

from mmengine.hooks import Hook
from mmengine.runner import BaseLoop, Runner
from torch import nn
from torch.utils.data import Dataset

from unihema_mm.engine.unwrap import unwrapped
from unihema_mm.registry import HOOKS
from unihema_mm.utils.errors import InputError

_HEAD = re.compile(r'(bbox|mask)_head(\.\d+)?$')


@HOOKS.register_module()
class ClassCountHook(Hook):
    """Compare ``num_classes`` of every box and mask head with the classes of all data of the run.

    It does so before a checkpoint is loaded and before the first step of training, validation and test.
    (mmdet's ``NumClassCheckHook`` checks after loading, with an assertion, and not in a test.)
    """

    def before_run(self, runner: Runner) -> None:
        """Check the data of all loops of the run.

        Raises:
            InputError: A number differs.
        """
        for split in ('train', 'val', 'test'):
            loop = getattr(runner, f'_{split}_loop')  # runner.train_loop would build a loop that is not run
            if isinstance(loop, BaseLoop):
                _check(unwrapped(runner.model), split, loop.dataloader.dataset)


def _check(model: nn.Module, split: str, dataset: Dataset) -> None:
    classes = getattr(dataset, 'metainfo', {}).get('classes')
    if classes is None:
        return
    for name, module in model.named_modules():
        count = getattr(module, 'num_classes', None)
        if isinstance(count, int) and _HEAD.search(name) and count != len(classes):
            raise InputError(
                f'{split} data {_source(dataset)}: {len(classes)} classes, but the model has {count}; '
                f'set model.{name}.num_classes={len(classes)}'
            )


def _source(dataset: Dataset) -> str:
    """Annotation file of a dataset, or of the first of those that it wraps."""
    while not hasattr(dataset, 'ann_file'):
        inner = getattr(dataset, 'datasets', None) or [getattr(dataset, 'dataset', None)]
        if inner[0] is None:
            return type(dataset).__name__
        dataset = inner[0]
    return str(dataset.ann_file)
