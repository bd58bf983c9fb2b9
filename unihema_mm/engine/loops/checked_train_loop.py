"""Training that is validated at equal distances, within epochs too."""

from mmengine.runner import EpochBasedTrainLoop, Runner
from torch import nn
from torch.utils.data import DataLoader

from unihema_mm.registry import LOOPS

_LAST_CHECK = 'last_check'


@LOOPS.register_module()
class CheckedTrainLoop(EpochBasedTrainLoop):
    """mmengine's ``EpochBasedTrainLoop``, whose validations lie at equal parts of its whole length.

    Epochs, order of the data and learning rates are as without them: up to the step where it is stopped, the
    weights are those of ``EpochBasedTrainLoop``. A hook that sets ``stop_training`` in a validation ends the
    training at that step, in the middle of an epoch too. A run that was killed between a checkpoint and the
    validation that was due at its step makes up for that validation when it is resumed.

    Args:
        runner: Runner, with a validation loop.
        dataloader: Loader of the training data, or its config.
        max_epochs: Number of epochs.
        checks: Number of validations, the last one at the end; at most one after each step.
    """

    def __init__(self, runner: Runner, dataloader: DataLoader | dict, max_epochs: int, checks: int) -> None:
        super().__init__(runner, dataloader, max_epochs)
        checks = min(checks, self.max_iters)
        self._due = {round(self.max_iters * number / checks) for number in range(1, checks + 1)}

    def run(self) -> nn.Module:
        """Train; returns the model."""
        self.runner.call_hook('before_train')
        if not self._iter:
            self.runner.message_hub.update_info(_LAST_CHECK, 0)
        self._check()
        while self._epoch < self._max_epochs and not self.stop_training:
            self.run_epoch()
            self._check()
        self.runner.call_hook('after_train')
        return self.runner.model

    def run_epoch(self) -> None:
        """Train for an epoch, or until a validation stops it."""
        self.runner.call_hook('before_train_epoch')
        self.runner.model.train()
        end = (self._epoch + 1) * len(self.dataloader)
        for index, data_batch in enumerate(self.dataloader):
            self.run_iter(index, data_batch)
            if self._iter < end:
                self._check()
            if self.stop_training:
                return  # the hooks of an epoch would call it finished
        self.runner.call_hook('after_train_epoch')
        self._epoch += 1

    def _check(self) -> None:
        """Validate where this is due and has not been done."""
        info = self.runner.message_hub.runtime_info
        if self._iter in self._due and info.get(_LAST_CHECK) != self._iter and not self.stop_training:
            # Before the validation, which may write a checkpoint.
            self.runner.message_hub.update_info(_LAST_CHECK, self._iter)
            self.runner.val_loop.run()
            self.runner.model.train()
