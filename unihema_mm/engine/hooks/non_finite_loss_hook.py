"""Stop at the first loss that is not a number."""

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from unihema_mm.registry import HOOKS
from unihema_mm.utils.errors import InputError


@HOOKS.register_module()
class StopOnNonFiniteLossHook(Hook):
    """End the run with one line that names the losses and the images of the batch.

    Without it a NaN reaches the weights and shows hours later as
    ``matrix contains invalid numeric entries`` in the assigner.

    Args:
        interval: Check every ``interval`` iterations. The check waits for the device.
    """

    priority = 'HIGHEST'  # before a hook that would store the broken weights

    def __init__(self, interval: int = 1) -> None:
        self.interval = interval

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None, outputs: dict | None = None
    ) -> None:
        """Check the losses of one iteration.

        Raises:
            InputError: A loss is NaN or infinite.
        """
        if not self.every_n_train_iters(runner, self.interval):
            return
        broken = [
            name
            for name, value in (outputs or {}).items()
            if 'loss' in name and not torch.isfinite(torch.as_tensor(value)).all()
        ]
        if broken:
            raise InputError(
                f'iteration {runner.iter + 1}: {", ".join(sorted(broken))} not finite; images of the batch: '
                f'{", ".join(image_files(data_batch)) or "unknown"}; look at their boxes with '
                'tools/analysis_tools/browse_dataset.py, lower the learning rate, or train without --amp'
            )


def image_files(data_batch: dict | None) -> list[str]:
    """Image files of a collated batch, as far as the samples know them."""
    samples = (data_batch or {}).get('data_samples', [])
    return [sample.img_path for sample in samples if 'img_path' in sample]
