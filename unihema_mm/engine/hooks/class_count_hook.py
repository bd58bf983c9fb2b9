"""Model and data must fit each other."""

import re

from mmengine.hooks import Hook
from mmengine.runner import BaseLoop, Runner
from torch import nn
from torch.utils.data import Dataset

from unihema_mm.engine.unwrap import leaf_datasets, unwrapped
from unihema_mm.registry import HOOKS
from unihema_mm.utils.errors import InputError

_HEAD = re.compile(r'(bbox|mask)_head(\.\d+)?$')
_OBJECTS = 'objects'  # the features that come from the box head


@HOOKS.register_module()
class ClassCountHook(Hook):
    """Compare the model with all data sets of the run, before the first step.

    - Each task of ``model.tasks`` that a data set names in its attribute ``tasks`` checks the metainfo of the
      data set by its method ``check_metainfo``, if it has one. A data set that names none is meant
      for the first task, as its samples are.
    - ``num_classes`` of every box and mask head must be the number of the classes of a data set; in a model
      with tasks only of those data sets whose tasks read the objects that the head finds.

    It does so before a checkpoint is loaded and before the first step of training, validation and test, with
    every data set inside wrappers and named sets. (mmdet's ``NumClassCheckHook`` checks after loading, with
    an assertion, and not in a test.)
    """

    def before_run(self, runner: Runner) -> None:
        """Check the data of all loops of the run.

        Raises:
            InputError: Model and data do not fit.
        """
        for split in ('train', 'val', 'test'):
            loop = getattr(runner, f'_{split}_loop')  # runner.train_loop would build a loop that is not run
            if isinstance(loop, BaseLoop):
                for dataset in leaf_datasets(loop.dataloader.dataset):
                    _check(unwrapped(runner.model), f'{split} data {_source(dataset)}', dataset)


def _check(model: nn.Module, where: str, dataset: Dataset) -> None:
    metainfo = getattr(dataset, 'metainfo', None) or {}
    tasks = getattr(model, 'tasks', None)
    if not isinstance(tasks, nn.ModuleDict):
        _check_heads(model, where, metainfo.get('classes'))
        return
    keys = getattr(dataset, 'tasks', None) or (next(iter(tasks)),)
    for key in keys:
        if key not in tasks:
            raise InputError(
                f'{where}: tasks: {key!r} is no task of this model, which has {", ".join(tasks)}; '
                'add it to model.tasks or change the tasks of the dataset'
            )
        if hasattr(tasks[key], 'check_metainfo'):
            try:
                tasks[key].check_metainfo(metainfo)
            except InputError as error:
                raise InputError(f'{where}: task {key}: {error}') from error
    if any(_OBJECTS in getattr(tasks[key], 'reads', ()) for key in keys):
        _check_heads(model, where, metainfo.get('classes'))


def _check_heads(model: nn.Module, where: str, classes: tuple[str, ...] | None) -> None:
    if classes is None:
        return
    for name, module in model.named_modules():
        count = getattr(module, 'num_classes', None)
        if isinstance(count, int) and _HEAD.search(name) and count != len(classes):
            raise InputError(
                f'{where}: {len(classes)} classes, but the model has {count}; '
                f'set model.{name}.num_classes={len(classes)}'
            )


def _source(dataset: Dataset) -> str:
    return str(getattr(dataset, 'ann_file', None) or type(dataset).__name__)
