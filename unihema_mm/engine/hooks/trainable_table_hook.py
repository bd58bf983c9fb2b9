"""Say what a run trains, and check that the rest stays as it is."""

from pathlib import Path

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from terminaltables import AsciiTable
from torch import Tensor, nn

from unihema_mm.registry import HOOKS
from unihema_mm.utils.atomic import write_json

COUNTS_FILE = 'trained_parameters.json'


@HOOKS.register_module()
class TrainableTableHook(Hook):
    """Log trained and frozen parameters per module; verify the frozen ones after the first step.

    The counts are also written to ``trained_parameters.json`` in the work folder.

    Frozen means: no gradient, absent from the optimizer, same values after a step. Running
    statistics of a frozen module that move (it is not in ``eval()``) are an error as well.
    """

    def before_train(self, runner: Runner) -> None:
        """Log the table and remember a checksum of everything that is frozen.

        Raises:
            RuntimeError: A frozen parameter is in the optimizer.
        """
        model = _unwrap(runner.model)
        runner.logger.info('Trained and frozen parameters:\n' + trainable_table(model))
        if is_main_process():
            counts = {
                name: dict(trained=trained, frozen=frozen)
                for name, (trained, frozen) in trainable_counts(model).items()
            }
            write_json(Path(runner.work_dir) / COUNTS_FILE, counts)
        optimized = {
            id(parameter) for group in runner.optim_wrapper.param_groups for parameter in group['params']
        }
        held = [
            name
            for name, parameter in model.named_parameters()
            if not parameter.requires_grad and id(parameter) in optimized
        ]
        if held:
            raise RuntimeError(
                f'frozen parameters are in the optimizer: {_some(held)}; set '
                "optim_wrapper.constructor='TrainableOptimWrapperConstructor'"
            )
        self._before = {name: _checksum(tensor) for name, tensor in _frozen_tensors(model).items()}

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None, outputs: dict | None = None
    ) -> None:
        """Compare the checksums, once.

        Raises:
            RuntimeError: Something frozen has a gradient or has changed.
        """
        if self._before is None:
            return
        frozen = _frozen_tensors(_unwrap(runner.model))
        with_gradient = [name for name, tensor in frozen.items() if tensor.grad is not None]
        changed = [
            name
            for name, tensor in frozen.items()
            if name in self._before and _checksum(tensor) != self._before[name]
        ]
        self._before = None
        if with_gradient:
            raise RuntimeError(f'frozen parameters have a gradient: {_some(with_gradient)}')
        if changed:
            raise RuntimeError(f'frozen parameters or statistics changed in the first step: {_some(changed)}')


def trainable_counts(model: nn.Module) -> dict[str, tuple[int, int]]:
    """Count trained and frozen parameters of each top-level module that has any.

    Parameters that are shared between modules count in the first of them.

    Returns:
        Name of the module -> (trained, frozen).
    """
    counts: dict[str, tuple[int, int]] = {}
    seen: set[int] = set()
    parts = [*model.named_children(), ('(own parameters)', model)]
    for name, part in parts:
        parameters = [p for p in part.parameters(recurse=part is not model) if id(p) not in seen]
        seen.update(map(id, parameters))
        trained, frozen = (
            sum(p.numel() for p in parameters if p.requires_grad is wanted) for wanted in (True, False)
        )
        if trained or frozen:
            counts[name] = (trained, frozen)
    return counts


def trainable_table(model: nn.Module) -> str:
    """Draw :func:`trainable_counts` as a table with totals."""
    counts = trainable_counts(model)
    totals = [sum(column) for column in zip(*counts.values(), strict=True)] or [0, 0]
    rows = [['module', 'trained', 'frozen']]
    rows += [[name, *(f'{count:,}' for count in pair)] for name, pair in (*counts.items(), ('total', totals))]
    table = AsciiTable(rows)
    table.justify_columns = {1: 'right', 2: 'right'}
    table.inner_footing_row_border = True
    return table.table


def _unwrap(model: nn.Module) -> nn.Module:
    return model.module if is_model_wrapper(model) else model


def _frozen_tensors(model: nn.Module) -> dict[str, Tensor]:
    """Frozen parameters, and the buffers of modules that own frozen parameters only."""
    frozen = {name: parameter for name, parameter in model.named_parameters() if not parameter.requires_grad}
    for prefix, module in model.named_modules():
        own = list(module.parameters(recurse=False))
        if own and not any(parameter.requires_grad for parameter in own):
            frozen.update(
                {f'{prefix}.{name}': buffer for name, buffer in module.named_buffers(recurse=False)}
            )
    return frozen


def _checksum(tensor: Tensor) -> tuple[float, float]:
    values = tensor.detach().double()
    return values.sum().item(), values.abs().sum().item()


def _some(names: list[str], limit: int = 5) -> str:
    rest = f' and {len(names) - limit} more' if len(names) > limit else ''
    return ', '.join(names[:limit]) + rest
