"""Mixed precision in bfloat16, on a GPU and on a CPU."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.optim import OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS
from mmengine.runner import autocast
from torch import nn


@OPTIM_WRAPPERS.register_module()
class Bfloat16OptimWrapper(OptimWrapper):
    """Run the forward pass under bfloat16 autocast; weights and updates stay float32.

    mmengine's ``AmpOptimWrapper`` refuses a machine without a GPU and scales the loss,
    which bfloat16, with the exponent range of float32, does not need.

    Args:
        kwargs: Arguments of :class:`mmengine.optim.OptimWrapper`.
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Context of one forward pass: autocast, and no gradient exchange while accumulating."""
        with super().optim_context(model), autocast(dtype=torch.bfloat16):
            yield
