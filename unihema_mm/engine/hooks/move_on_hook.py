"""A stage ends when its validation has stopped improving."""

from collections.abc import Sequence
from math import isfinite
from pathlib import Path

from mmengine.dist import is_main_process
from mmengine.hooks import EarlyStoppingHook
from mmengine.runner import Runner

from unihema_mm.evaluation.shown_metrics import STAGE_SCORE, stage_score
from unihema_mm.registry import HOOKS
from unihema_mm.utils.atomic import write_json
from unihema_mm.utils.errors import InputError

MOVED_ON_FILE = 'moved_on.json'
_CHECKS = 'checks'


@HOOKS.register_module()
class MoveOnHook(EarlyStoppingHook):
    """mmengine's ``EarlyStoppingHook`` on the score of the tasks that a stage trains.

    Each validation gets the metric ``stage/score`` (:func:`stage_score`, percent), which the log and the
    choice of the best checkpoint see too. All scores are kept in the checkpoints, so that a resumed run ends
    at the same step as an unbroken one. When the training ends, ``moved_on.json`` in the work folder says
    after how many steps of how many planned, why, and the ``checks``: step and score of each validation.

    Args:
        tasks: Tasks that the stage trains; the sets of the validation are named ``<task>_<folder>``.
        patience: Number of validations without an improvement after which the training ends.
        min_delta: Points of the score by which the best one must be exceeded.
    """

    priority = 'HIGHEST'  # before the hooks that take the metrics to the log and into checkpoints

    def __init__(self, tasks: Sequence[str], patience: int = 3, min_delta: float = 0.2) -> None:
        super().__init__(STAGE_SCORE, 'greater', min_delta, strict=True, patience=patience)
        self.tasks = tuple(tasks)
        self._checks: list[list[float]] = []

    def before_train(self, runner: Runner) -> None:
        """Go through the validations of the run that is resumed."""
        self._checks = list(runner.message_hub.runtime_info.get(_CHECKS, ())) if runner.iter else []
        runner.message_hub.update_info(_CHECKS, self._checks)
        for _, score in self._checks:
            runner.train_loop.stop_training = self._check_stop_condition(score)[0]

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float]) -> None:
        """Add the score to the metrics, and end the training where it has stopped improving.

        Raises:
            InputError: No task of the stage was measured.
        """
        score = stage_score(metrics, self.tasks, runner.val_loop.sets)
        if score is None:
            raise InputError(
                f'MoveOnHook: the validation measures nothing of {", ".join(self.tasks)}; give it sets '
                "whose val list has annotations of them, or set stage.schedule='fixed'"
            )
        metrics[STAGE_SCORE] = score
        self._checks.append([runner.iter, score])
        super().after_val_epoch(runner, metrics)

    def after_train(self, runner: Runner) -> None:
        """Write what happened."""
        if not is_main_process():
            return
        content = {
            'steps': runner.iter,
            'planned': runner.max_iters,
            'reason': self._reason(runner),
            'patience': self.patience,
            'min_delta': self.min_delta,
            'checks': self._checks,
        }
        write_json(Path(runner.work_dir) / MOVED_ON_FILE, content)

    def _reason(self, runner: Runner) -> str:
        if not runner.train_loop.stop_training:
            return 'it has reached its planned length'
        if not isfinite(self._checks[-1][1]):
            return 'the score is no finite number'
        return f'the score has not improved by {self.min_delta:g} points in the last {self.wait_count} checks'
