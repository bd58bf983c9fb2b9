"""Number of detections per image, derived from the data that is evaluated."""

from mmengine.dataset import BaseDataset
from mmengine.evaluator import Evaluator
from mmengine.hooks import Hook
from mmengine.model import BaseTTAModel, is_model_wrapper
from mmengine.runner import Runner
from torch import nn

from unihema_mm.datasets.smear import max_objects_per_image
from unihema_mm.engine.unwrap import unwrapped
from unihema_mm.registry import HOOKS
from unihema_mm.utils.detection_budget import detection_budget


@HOOKS.register_module()
class DetectionBudgetHook(Hook):
    """Set ``num_select`` of the model and ``maxDets`` of the metric from the ground truth.

    ``num_select`` (``test_cfg.max_per_img``) is never set below the config's value nor above the
    number of scores, ``num_queries * num_classes``. ``max_dets`` stays where the config sets it. The ground
    truth itself is handed to metrics that ask for it (``set_dataset``). Both numbers are logged once per
    split, with a warning where an image holds more objects than the model has queries.
    """

    def __init__(self) -> None:
        self._most_objects: dict[str, int] = {}
        self._configured: int | None = None

    def before_train(self, runner: Runner) -> None:
        """Warn about training images that hold more objects than queries."""
        self._count(runner, 'train', runner.train_dataloader.dataset)

    def before_val(self, runner: Runner) -> None:
        """Set both numbers for the validation data."""
        self._set(runner, 'val', runner.val_dataloader.dataset, runner.val_evaluator)

    def before_test(self, runner: Runner) -> None:
        """Set both numbers for the test data."""
        self._set(runner, 'test', runner.test_dataloader.dataset, runner.test_evaluator)

    def _set(self, runner: Runner, split: str, dataset: BaseDataset, evaluator: Evaluator) -> None:
        first = split not in self._most_objects
        most = self._count(runner, split, dataset)
        budget = detection_budget(most)
        for metric in evaluator.metrics:
            if first and hasattr(metric, 'set_dataset'):
                metric.set_dataset(dataset)
            if getattr(metric, 'max_dets', budget) is None:
                metric.max_dets = budget
        max_dets = [metric.max_dets for metric in evaluator.metrics if hasattr(metric, 'max_dets')]
        selected = self._set_num_select(runner.model, budget)
        if first:
            runner.logger.info(
                f'{split}: at most {most} objects in one image; num_select {selected}, '
                f'maxDets {", ".join(map(str, max_dets))}'
            )

    def _count(self, runner: Runner, split: str, dataset: BaseDataset) -> int:
        if split not in self._most_objects:
            self._most_objects[split] = most = max_objects_per_image(dataset)
            num_queries = getattr(unwrapped(runner.model), 'num_queries', most)
            if most > num_queries:
                runner.logger.warning(
                    f'{split}: an image holds {most} objects, the model has {num_queries} queries '
                    'and cannot find all of them; raise model.num_queries'
                )
        return self._most_objects[split]

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
