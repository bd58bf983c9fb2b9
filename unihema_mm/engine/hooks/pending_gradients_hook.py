"""Gradients that wait for the rest of an update go with the checkpoint."""

from mmengine.dist import get_world_size
from mmengine.hooks import Hook
from mmengine.runner import Runner

from unihema_mm.engine.unwrap import unwrapped
from unihema_mm.registry import HOOKS

KEY = 'pending_gradients'


@HOOKS.register_module()
class PendingGradientsHook(Hook):
    """Let a run with gradient accumulation go on where it was killed.

    With ``optim_wrapper.accumulative_counts=N`` a checkpoint whose step is no multiple of N lies between the
    steps of one update. mmengine drops what these have added up to so far; here it is stored as
    ``pending_gradients`` and put back. Each process of a distributed run has gradients of its own, of which
    a checkpoint holds none: choose there an interval that is a multiple of N, as a warning says.
    """

    def __init__(self) -> None:
        self._loaded: dict = {}

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Remember the gradients of the checkpoint."""
        self._loaded = checkpoint.get(KEY, {})

    def before_train(self, runner: Runner) -> None:
        """Put the gradients of a run that resumes into its model."""
        steps = _accumulated_steps(runner)
        if steps > 1 and get_world_size() > 1:
            runner.logger.warning(
                f'A checkpoint whose step is no multiple of accumulative_counts={steps} loses a part of an '
                'update when a run of several processes goes on from it; choose its interval accordingly'
            )
        if runner._resume and steps > 1 and get_world_size() == 1:
            for name, parameter in unwrapped(runner.model).named_parameters():
                if name in self._loaded:
                    parameter.grad = self._loaded[name].to(parameter.device, parameter.dtype)
        self._loaded = {}

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Store them; a checkpoint without optimizer is not for going on."""
        if 'optimizer' not in checkpoint or _accumulated_steps(runner) == 1 or get_world_size() > 1:
            return
        pending = {
            name: parameter.grad.cpu()
            for name, parameter in unwrapped(runner.model).named_parameters()
            if parameter.grad is not None
        }
        if pending:
            checkpoint[KEY] = pending


def _accumulated_steps(runner: Runner) -> int:
    return getattr(runner.optim_wrapper, '_accumulative_counts', 1)
