"""Number of detections per image, derived from the data that is evaluated."""

from mmengine.hooks import Hook
from mmengine.model import BaseTTAModel, is_model_wrapper
from mmengine.runner import BaseLoop, Runner
from torch import nn
from torch.utils.data import Dataset

from unihema_mm.datasets.smear import max_objects_per_image
from unihema_mm.engine.loops import EvaluationSet, evaluation_sets
from unihema_mm.engine.unwrap import leaf_datasets, unwrapped
from unihema_mm.registry import HOOKS
from unihema_mm.utils.detection_budget import detection_budget


@HOOKS.register_module()
class DetectionBudgetHook(Hook):
    """Set ``num_select`` of the model and ``maxDets`` of the metrics from the ground truth.

    ``num_select`` (``test_cfg.max_per_img``) is never set below the config's value nor above the
    number of scores, ``num_queries * num_classes``. ``max_dets`` stays where the config sets it. The ground
    truth itself is handed to metrics that ask for it (``set_dataset``). Both numbers are logged once per
    split, with a warning where an image holds more objects than the model has queries.

    In a loop over several data sets each has numbers of its own, so that its results do not depend on the
    others; data sets without objects leave the model as the config has it.
    """

    def __init__(self) -> None:
        self._most_objects: dict[str, int] = {}
        self._budgets: dict[str, dict[str | None, int]] = {}
        self._configured: int | None = None

    def before_train(self, runner: Runner) -> None:
        """Warn about training images that hold more objects than queries."""
        self._count(runner, 'train', runner.train_dataloader.dataset)

    def before_val(self, runner: Runner) -> None:
        """Set the numbers for the validation data."""
        self._set(runner, 'val', runner.val_loop)

    def before_test(self, runner: Runner) -> None:
        """Set the numbers for the test data."""
        self._set(runner, 'test', runner.test_loop)

    def before_val_iter(self, runner: Runner, batch_idx: int, data_batch: dict | None = None) -> None:
        """Set the model's number for the data set that is run."""
        self._follow(runner, 'val', runner.val_loop)

    def before_test_iter(self, runner: Runner, batch_idx: int, data_batch: dict | None = None) -> None:
        """Set the model's number for the data set that is run."""
        self._follow(runner, 'test', runner.test_loop)

    def _set(self, runner: Runner, split: str, loop: BaseLoop) -> None:
        self._budgets.setdefault(split, {})
        for part in evaluation_sets(loop):
            self._set_one(runner, split, part)

    def _set_one(self, runner: Runner, split: str, part: EvaluationSet) -> None:
        where = split if part.name is None else f'{split} {part.name}'
        first = where not in self._most_objects
        most = self._count(runner, where, part.dataset)
        budget = detection_budget(most)
        metrics = part.evaluator.metrics
        for metric in metrics:
            if first and hasattr(metric, 'set_dataset'):
                metric.set_dataset(part.dataset)
            if getattr(metric, 'max_dets', budget) is None:
                metric.max_dets = budget
        max_dets = [metric.max_dets for metric in metrics if hasattr(metric, 'max_dets')]
        self._budgets[split][part.name] = budget if most or max_dets else 0
        if not most and not max_dets:
            return
        selected = self._set_num_select(runner.model, budget)
        if first:
            runner.logger.info(
                f'{where}: at most {most} objects in one image; num_select {selected}, '
                f'maxDets {", ".join(map(str, max_dets)) or "of no metric"}'
            )

    def _follow(self, runner: Runner, split: str, loop: BaseLoop) -> None:
        current = getattr(loop, 'current', None)
        if current is not None:
            self._set_num_select(runner.model, self._budgets[split][current])

    def _count(self, runner: Runner, where: str, dataset: Dataset) -> int:
        if where not in self._most_objects:
            self._most_objects[where] = most = max(map(max_objects_per_image, leaf_datasets(dataset)))
            num_queries = getattr(unwrapped(runner.model), 'num_queries', most)
            if most > num_queries:
                runner.logger.warning(
                    f'{where}: an image holds {most} objects, the model has {num_queries} queries '
                    'and cannot find all of them; raise model.num_queries'
                )
        return self._most_objects[where]

    def _set_num_select(self, model: nn.Module, budget: int) -> int | None:
        detector = unwrapped(model)
        head = getattr(detector, 'bbox_head', None)
        if head is None or getattr(head, 'test_cfg', None) is None:
            return None
        if self._configured is None:
            self._configured = head.test_cfg.get('max_per_img', 0)
        scores = detector.num_queries * head.num_classes if hasattr(detector, 'num_queries') else budget
        selected = min(max(self._configured, budget), scores)
        head.test_cfg['max_per_img'] = selected
        wrapped = model.module if is_model_wrapper(model) else model
        if isinstance(wrapped, BaseTTAModel):
            wrapped.tta_cfg['max_per_img'] = selected
        return selected
