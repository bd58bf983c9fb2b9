"""Nothing is tested with weights that do not fit."""

from mmengine.hooks import Hook
from mmengine.runner import Runner

from unihema_mm.engine.unwrap import unwrapped
from unihema_mm.registry import HOOKS
from unihema_mm.utils.checkpoint import check_fit


@HOOKS.register_module()
class StrictLoadHook(Hook):
    """Refuse a checkpoint whose weights are not exactly those of the model.

    mmengine loads what fits and logs the rest, so that a test would score random weights. Fine-tuning needs
    that, so ``tools/test.py`` adds this hook and training does not.
    """

    priority = 'LOWEST'  # after a hook that exchanges the weights, such as EMAHook

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Compare the names and shapes of ``checkpoint`` with those of the model.

        Raises:
            InputError: They differ.
        """
        check_fit(unwrapped(runner.model), checkpoint, str(runner._load_from))
