"""What a training step costs in memory and arithmetic."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch
from mmcv.ops import multi_scale_deform_attn
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode

from unihema_mm.engine.unwrap import unwrapped
from unihema_mm.registry import HOOKS
from unihema_mm.utils.atomic import write_json

COST_FILE = 'step_cost.json'


@HOOKS.register_module()
class StepCostHook(Hook):
    """Measure a run of a few steps and write ``step_cost.json`` to its work folder.

    The first step is counted, the others are timed (counting takes time):

    - ``activation_bytes``: what forward keeps for backward, each storage once, weights left out. Short-lived
      buffers are not in it.
    - ``weight_bytes``, ``gradient_bytes``, ``optimizer_bytes``: of the model, of what is trained, and of the
      states of the optimizer.
    - ``flops``: of the matrix products and convolutions, forward and backward; two per multiply-add.
    - ``seconds``: of each timed step, without the loading of its data; of the only one where there is one.
    - ``images``: height and width of each image of the counted step, as the data set gives it.

    Args:
        kernel_memory: Whether deformable attention keeps what mmcv's CUDA kernel keeps, its inputs. Its
            version in torch, the one for the CPU, keeps several times as much.
    """

    priority = 'LOWEST'

    def __init__(self, kernel_memory: bool = False) -> None:
        self._kernel_memory = kernel_memory
        self._contexts = ExitStack()
        self._cost: dict[str, Any] = {'seconds': []}

    def before_train(self, runner: Runner) -> None:
        """Let deformable attention keep what the kernel keeps, where that is asked for."""
        if self._kernel_memory:
            self._contexts.enter_context(_kernel_memory())

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: dict | None = None) -> None:
        """Begin to count, or to time."""
        if 'images' not in self._cost:
            samples = (data_batch or {}).get('data_samples') or []
            self._cost['images'] = [list(sample.metainfo['img_shape'][:2]) for sample in samples]
            self._counting = ExitStack()
            self._flops = self._counting.enter_context(FlopCounterMode(display=False))
            self._kept = self._counting.enter_context(_kept_bytes(unwrapped(runner.model)))
        self._start = time.perf_counter()

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None, outputs: dict | None = None
    ) -> None:
        """Take the numbers of a step."""
        seconds = time.perf_counter() - self._start
        if 'flops' not in self._cost:
            self._counting.close()
            self._count(runner)
            self._counted_seconds = seconds
        else:
            self._cost['seconds'].append(seconds)

    def _count(self, runner: Runner) -> None:
        model = unwrapped(runner.model)
        states = runner.optim_wrapper.optimizer.state.values()
        self._cost.update(
            flops=self._flops.get_total_flops(),
            activation_bytes=sum(self._kept.values()),
            trained_parameters=sum(p.numel() for p in model.parameters() if p.requires_grad),
            frozen_parameters=sum(p.numel() for p in model.parameters() if not p.requires_grad),
            weight_bytes=_size(*model.parameters(), *model.buffers()),
            gradient_bytes=_size(*(p for p in model.parameters() if p.requires_grad)),
            optimizer_bytes=_size(
                *(value for state in states for value in state.values() if isinstance(value, Tensor))
            ),
        )

    def after_train(self, runner: Runner) -> None:
        """Write what was measured."""
        self._contexts.close()
        self._cost['seconds'] = self._cost['seconds'] or [self._counted_seconds]
        if is_main_process():
            write_json(Path(runner.work_dir) / COST_FILE, self._cost)


def _size(*tensors: Tensor) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


@contextmanager
def _kept_bytes(model: nn.Module) -> Iterator[dict[int, int]]:
    """Sizes of the storages that autograd keeps, by address; those of the model left out."""
    own = {tensor.untyped_storage().data_ptr() for tensor in (*model.parameters(), *model.buffers())}
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with saved_tensors_hooks(keep, _same):
        yield kept


def _same(tensor: Tensor) -> Tensor:
    return tensor


class _AsKernel(Function):
    """Deformable attention that keeps its inputs alone and computes the rest again in the backward pass."""

    @staticmethod
    def forward(ctx: Any, compute: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
        ctx.compute = compute
        ctx.save_for_backward(*inputs)
        return compute(*inputs)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        inputs = [tensor.detach().requires_grad_(tensor.is_floating_point()) for tensor in ctx.saved_tensors]
        with torch.enable_grad(), saved_tensors_hooks(_same, _same):  # what is kept here is not counted
            output = ctx.compute(*inputs)
        wanted = [tensor for tensor in inputs if tensor.requires_grad]
        gradients = iter(torch.autograd.grad(output, wanted, gradient))
        return None, *(next(gradients) if tensor.requires_grad else None for tensor in inputs)


@contextmanager
def _kernel_memory() -> Iterator[None]:
    compute = multi_scale_deform_attn.multi_scale_deformable_attn_pytorch
    multi_scale_deform_attn.multi_scale_deformable_attn_pytorch = lambda *inputs: _AsKernel.apply(
        compute, *inputs
    )
    try:
        yield
    finally:
        multi_scale_deform_attn.multi_scale_deformable_attn_pytorch = compute
