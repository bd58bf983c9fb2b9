"""The loaders and evaluators of a stage, made of what is prepared."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from mmengine.logging import print_log

from unihema_mm.utils.errors import InputError
from unihema_mm.utils.names import nearest_names

from .declaration import Stage
from .prepared_sets import PreparedSet, choose_sets, read_prepared_sets
from .shared_classes import CLASS_LISTS, SharedClasses, shared_classes
from .task_sets import (
    TaskSets,
    can_train,
    check_sets,
    has_attributes,
    kept_tasks,
    load_catalogue,
    sets_of_task,
    shared_image_lines,
    table_lines,
)

TEXT_ONLY = '_text_only'  # behind the name of a set without its images
# Split that is wanted -> the splits that stand for it, the first that a set has.
_EVALUATED = {'val': ('val', 'test'), 'test': ('test', 'val')}


@dataclass(frozen=True)
class StageLoaders:
    """What a stage adds to its config.

    Attributes:
        train_dataloader: Loader of all training sets, ``<task>_<set>``.
        val_dataloader: Loaders ``<task>_<set>`` of the tasks that are trained; empty where no set has any.
        val_evaluator: Their metrics.
        test_dataloader: Loaders of all tasks that are evaluated, with ``<task>_<set>_text_only``.
        test_evaluator: Their metrics.
        gains: Name of a test loader -> that without images.
        classes: Task -> class names of its head; tasks without classes are left out.
        sets: The sets that the loaders read.
    """

    train_dataloader: dict
    val_dataloader: dict[str, dict]
    val_evaluator: dict[str, Any]
    test_dataloader: dict[str, dict]
    test_evaluator: dict[str, Any]
    gains: dict[str, str]
    classes: dict[str, tuple[str, ...]]
    sets: tuple[PreparedSet, ...]


def log(text: str, warning: bool = False) -> None:
    """Log a line of the report."""
    print_log(text, logger='current', level=logging.WARNING if warning else logging.INFO)


def make_loaders(stage: Stage, stage_data: Mapping, say: Callable[..., None] = log) -> StageLoaders:
    """Make the loaders of a stage from the data folders that are prepared.

    ``stage_data`` holds ``root``, ``num_workers`` and ``batch_size`` (of evaluation), and per task:

    - ``train``, ``test``: dataset configs without ``data_root`` and ``ann_file``. ``task`` in them chooses
      the images, by default the key of the part; of ``tasks`` those are left out that a set does not have.
    - ``evaluator``: config of one metric or a list.
    - ``classes``: see :func:`shared_classes`. ``attributes``: schema of the model.
    - ``text_only``: whether the test has a second loader without images. ``batch_size`` of its evaluation.

    A set without a val list is validated on its test list, and the other way round; a set without a train
    list is evaluated only.

    Args:
        stage: Declaration of the stage.
        stage_data: See above.
        say: Takes each line of the report: which sets are there, which are missing, which images two share,
            which classes become coarser. A second argument, ``True``, marks a warning.

    Raises:
        InputError: A task is not in ``stage_data``, none has a set to train on, or see :func:`choose_sets`
            and :func:`shared_classes`; the table of the sets has been said before.
    """
    root = stage_data.get('root', 'data')
    parts = {task: part for task, part in stage_data.items() if isinstance(part, Mapping)}
    needed = dict.fromkeys((*stage.composition, *stage.tests))
    _check_parts([*needed], parts)
    entries = load_catalogue()
    prepared = read_prepared_sets(root)
    chosen = choose_sets(prepared, stage.sets, root)
    found = {task: sets_of_task(task, parts[task], chosen) for task in needed}
    for line in table_lines([*found.values()], prepared, root, entries):
        say(line)
    stage = _with_sets(stage, found, root, say)
    for line in shared_image_lines(chosen, entries):
        say(line, True)
    spaces = shared_classes(parts, chosen)
    for line in _coarser_lines(spaces):
        say(line)
    maker = _Maker(stage_data, parts, found, spaces, say)
    val, test = maker.evaluations('val', stage.tasks), maker.evaluations('test', stage.tests)
    baselines = maker.text_only(test)
    return StageLoaders(
        train_dataloader=maker.training(stage),
        val_dataloader={name: part.loader for name, part in val.items()},
        val_evaluator={name: part.evaluator for name, part in val.items()},
        test_dataloader={name: part.loader for name, part in {**test, **baselines}.items()},
        test_evaluator={name: part.evaluator for name, part in {**test, **baselines}.items()},
        gains={name.removesuffix(TEXT_ONLY): name for name in baselines},
        classes={
            task: spaces[CLASS_LISTS[task]].classes for task in parts if CLASS_LISTS.get(task) in spaces
        },
        sets=tuple({part.root: part for item in found.values() for part in item.sets}.values()),
    )


class _Evaluation(NamedTuple):
    """A set as it is evaluated."""

    loader: dict
    evaluator: Any
    part: Mapping


class _Maker:
    """Makes the configs of loaders."""

    def __init__(
        self,
        stage_data: Mapping,
        parts: Mapping[str, Mapping],
        found: Mapping[str, TaskSets],
        spaces: Mapping[str, SharedClasses],
        say: Callable[..., None],
    ) -> None:
        self.stage_data, self.parts, self.found = stage_data, parts, found
        self.spaces, self.say = spaces, say
        self.num_workers = stage_data.get('num_workers', 1)

    def training(self, stage: Stage) -> dict:
        """Loader of the train lists of all tasks, a group of sets for each task."""
        datasets: dict[str, dict] = {}
        groups = {}
        for task in stage.composition:
            item, names = self.found[task], []
            for part in item.sets:
                name = f'{task}_{part.name}'
                if not item.count(part, 'train'):
                    self.say(f'{name}: has no train list, it is evaluated only')
                    continue
                datasets[name] = self._repeated(self._dataset(item, part, 'train', 'train'), item.task, stage)
                names.append(name)
            groups[task] = dict(sets=tuple(names), temperature=stage.temperature)
        return dict(
            batch_size=sum(stage.composition.values()),
            num_workers=self.num_workers,
            persistent_workers=self.num_workers > 0,
            sampler=dict(type='DefaultSampler', shuffle=True),
            batch_sampler=dict(
                type='TaskBatchSampler',
                composition=stage.composition,
                groups=groups,
                steps=stage.steps,
                counted=[*stage.tasks],
            ),
            dataset=dict(type='MultiSetDataset', datasets=datasets),
        )

    @staticmethod
    def _repeated(dataset: dict, task: str, stage: Stage) -> dict:
        """Repeat the images of rare classes, where the stage asks for it and the task has classes."""
        if not stage.rare_below or task not in CLASS_LISTS:
            return dataset
        return dict(type='ClassBalancedDataset', oversample_thr=stage.rare_below, dataset=dataset)

    def evaluations(self, wanted: str, tasks: Sequence[str]) -> dict[str, _Evaluation]:
        """Loaders of the val or test lists of tasks, or of those that stand for them."""
        result = {}
        for item in (self.found[task] for task in tasks):
            for part in item.sets:
                name = f'{item.task}_{part.name}'
                split = next((split for split in _EVALUATED[wanted] if item.count(part, split)), None)
                if split is None:
                    self.say(f'{name}: has no val or test list, it has no {wanted} results')
                    continue
                if split != wanted:
                    self.say(f'{name}: has no {wanted} list, its {split} list stands for it', split == 'test')
                loader = self._loader(item, self._dataset(item, part, 'test', split))
                settings = self.parts[item.task]
                result[name] = _Evaluation(loader, settings['evaluator'], settings)
        return result

    def text_only(self, evaluated: Mapping[str, _Evaluation]) -> dict[str, _Evaluation]:
        """The same without images, for the tasks that ask for it."""
        result = {}
        for name, one in evaluated.items():
            if not one.part.get('text_only'):
                continue
            if name + TEXT_ONLY in evaluated:
                raise InputError(
                    f'{name}{TEXT_ONLY}: is a data set and the text-only run of another; rename the folder'
                )
            loader = {**one.loader, 'dataset': {**one.loader['dataset'], 'text_only': True}}
            result[name + TEXT_ONLY] = one._replace(loader=loader)
        return result

    def _loader(self, item: TaskSets, dataset: dict) -> dict:
        batch_size = self.parts[item.task].get('batch_size', self.stage_data.get('batch_size', 1))
        return dict(
            batch_size=batch_size,
            num_workers=self.num_workers,
            drop_last=False,
            sampler=dict(type='DefaultSampler', shuffle=False),
            dataset=dataset,
        )

    def _dataset(self, item: TaskSets, part: PreparedSet, use: str, split: str) -> dict:
        settings = self.parts[item.task]
        config = {'task': item.task, **settings[use]}
        config.update(data_root=str(part.root), ann_file=str(part.files[split].relative_to(part.root)))
        if use == 'test':
            config['test_mode'] = True
        if config.get('tasks') is not None:
            asked = tuple(config['tasks'])
            config['tasks'] = kept_tasks(config['task'], asked, settings, part)
            dropped = [task for task in asked if task not in config['tasks']]
            if dropped and use == 'train':
                lacking = ', '.join(dropped)
                self.say(f'{item.task}_{part.name}: not used for {lacking}, which some images lack')
        if item.task in CLASS_LISTS:
            config = {'attributes': None, **config, **self._labels(item.task, settings, part)}
        return config

    def _labels(self, task: str, settings: Mapping, part: PreparedSet) -> dict:
        schema = settings.get('attributes')
        labels: dict[str, Any] = {}
        if schema is not None:
            labels['attributes'] = schema
            labels['other_attributes'] = bool(part.attributes) and not has_attributes(part, schema)
        if CLASS_LISTS[task] in self.spaces:
            labels.update(classes=self.spaces[CLASS_LISTS[task]].classes, ancestors=True)
        return labels


def _with_sets(stage: Stage, found: Mapping[str, TaskSets], root: str, say: Callable[..., None]) -> Stage:
    """Leave out the tasks that have no set to train on, while another has one."""
    tasks = {task: count for task, count in stage.tasks.items() if can_train(found[task])}
    if not tasks:
        check_sets([found[task] for task in stage.tasks], root)
    for task in stage.tasks.keys() - tasks.keys():
        say(f'{task}: is not trained, no prepared set has it', True)
    rehearses = tuple(task for task in stage.rehearses if stage.rehearsal and can_train(found[task]))
    stage = replace(stage, tasks=tasks, rehearses=rehearses)
    if stage.rehearsal:
        counts = ', '.join(f'{count} {task}' for task, count in stage.rehearsed.items())
        share = sum(stage.rehearsed.values()) / sum(stage.composition.values())
        nothing = 'nothing, no task of an earlier stage reads what it trains, or no prepared set has it'
        say(f'rehearses in a step: {f"{counts}, {share:.0%} of the samples" if counts else nothing}')
    return stage


def _check_parts(tasks: Sequence[str], parts: Mapping[str, Mapping]) -> None:
    for task in tasks:
        if task not in parts:
            raise InputError(
                f'stage.tasks: {task!r} is not in stage_data ({nearest_names(task, [*parts])}); '
                'correct the name, or add its data'
            )
        absent = [key for key in ('train', 'test', 'evaluator') if not parts[task].get(key)]
        if absent:
            raise InputError(f'stage_data.{task}.{absent[0]}: is missing; add it')


def _coarser_lines(spaces: Mapping[str, SharedClasses]) -> list[str]:
    return [
        f'{name}: classes that become coarser ({kind}): '
        + ', '.join(f'{old} -> {new}' for old, new in classes.items())
        for kind, space in spaces.items()
        for name, classes in space.coarser.items()
    ]
