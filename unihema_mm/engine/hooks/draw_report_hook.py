"""What an epoch has drawn."""

from collections import Counter, defaultdict
from typing import NamedTuple

from mmdet.structures import DetDataSample
from mmengine.dist import all_gather_object
from mmengine.hooks import Hook
from mmengine.runner import Runner
from terminaltables import AsciiTable
from torch.utils.data import Dataset

from unihema_mm.engine.unwrap import leaf_datasets
from unihema_mm.registry import HOOKS

_HEADER = ['set', 'tasks', 'class', 'images', 'objects']


class DrawnSet(NamedTuple):
    """Samples that are counted together.

    Attributes:
        name: ``dataset`` of their metainfo.
        tasks: Their tasks.
    """

    name: str
    tasks: tuple[str, ...]


@HOOKS.register_module()
class DrawReportHook(Hook):
    """Log after each epoch how many images and objects the steps had, per set and class.

    Counted are the training samples as the model gets them, over all processes: an image as often as it was
    drawn, an object (``gt_instances``) where the pipeline has not cropped it. The row of a set without a
    class has its images; the rows of its classes have the images with such an object, or of such a class
    (``gt_label``), and the objects. An image with several classes counts once in each of them. A class
    that the set annotates and the epoch has not drawn has a row of zeros.

    Sets of the same name and tasks are counted together. After a resume in the middle of an epoch, the
    first report has the rest of it; the number of steps stands above the table. An iteration-based run has
    one report, at its end. Nothing is read for it: the counts are of the batches that are trained.
    """

    def __init__(self) -> None:
        self._start()

    def before_train_epoch(self, runner: Runner) -> None:
        """Begin to count."""
        self._start()

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None, outputs: dict | None = None
    ) -> None:
        """Count one batch."""
        self._steps += 1
        for sample in (data_batch or {}).get('data_samples') or []:
            self._count(sample)

    def after_train_epoch(self, runner: Runner) -> None:
        """Log the counts of all processes; they all must come here."""
        images: Counter = Counter()
        objects: Counter = Counter()
        for other_images, other_objects in all_gather_object((self._images, self._objects)):
            images.update(other_images)
            objects.update(other_objects)
        table = draw_table(images, objects, annotated_classes(runner.train_dataloader.dataset))
        runner.logger.info(
            f'Drawn in {self._steps} steps up to iteration {runner.iter}, by all processes together\n{table}'
        )

    def _start(self) -> None:
        self._steps = 0
        self._images: Counter[tuple[DrawnSet, int | None]] = Counter()
        self._objects: Counter[tuple[DrawnSet, int | None]] = Counter()

    def _count(self, sample: DetDataSample) -> None:
        drawn = DrawnSet(sample.metainfo.get('dataset') or '', tuple(sample.metainfo.get('tasks') or ()))
        objects = sample.get('gt_instances') or ()  # packed without labels where there are no boxes
        labels = objects.labels.tolist() if 'labels' in objects else []
        of_image = sample.gt_label.tolist() if 'gt_label' in sample else []
        self._images.update((drawn, label) for label in (None, *{*labels, *of_image}))
        self._objects.update((drawn, label) for label in labels)


def annotated_classes(dataset: Dataset) -> dict[DrawnSet, dict[int, str]]:
    """Classes that the sets of a dataset annotate.

    Args:
        dataset: Dataset, wrappers included.

    Returns:
        Set -> label -> name of the class; several names where sets that are counted together differ in it.
    """
    names: dict[DrawnSet, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
    for leaf in leaf_datasets(dataset):
        classes = (getattr(leaf, 'metainfo', None) or {}).get('classes') or ()
        drawn = DrawnSet(getattr(leaf, 'dataset_name', None) or '', tuple(getattr(leaf, 'tasks', ())))
        labels = getattr(leaf, 'cat2label', None)
        for label in range(len(classes)) if labels is None else labels.values():
            if classes[label] not in names[drawn][label]:
                names[drawn][label].append(classes[label])
    return {
        drawn: {label: ' or '.join(found) for label, found in sorted(labels.items())}
        for drawn, labels in names.items()
    }


def draw_table(
    images: Counter[tuple[DrawnSet, int | None]],
    objects: Counter[tuple[DrawnSet, int | None]],
    classes: dict[DrawnSet, dict[int, str]],
) -> str:
    """Draw the table of an epoch.

    Args:
        images: (set, label) -> number of images with it; label ``None``: of all images.
        objects: (set, label) -> number of objects.
        classes: Set -> label -> name. Labels without a name stand as numbers.

    Returns:
        The table; a set has a row of its own and one per class.
    """
    rows = [_HEADER]
    for drawn in sorted({drawn for drawn, _ in images} | {*classes}):
        found = {label for part, label in images if part == drawn and label is not None}
        names = classes.get(drawn, {})
        total = sum(count for (part, _), count in objects.items() if part == drawn)
        rows.append(_row(drawn.name or '(unnamed)', '+'.join(drawn.tasks), '', images[drawn, None], total))
        for label in sorted(found | {*names}):
            name = names.get(label, str(label))
            rows.append(_row('', '', name, images[drawn, label], objects[drawn, label]))
    table = AsciiTable(rows)
    table.justify_columns = {3: 'right', 4: 'right'}
    return table.table


def _row(name: str, tasks: str, class_name: str, images: int, objects: int) -> list[str]:
    return [name, tasks, class_name, f'{images:,}', f'{objects:,}']
