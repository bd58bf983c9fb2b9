"""Say what a run trains, and check that the rest stays as it is."""

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from terminaltables import AsciiTable
from torch import Tensor, nn

from unihema_mm.registry import HOOKS


@HOOKS.register_module()
class TrainableTableHook(Hook):
    """Log trained and frozen parameters per module; verify the frozen ones after the first step.

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


def trainable_table(model: nn.Module) -> str:
    """Draw a table of parameter counts, one row per top-level module.

    Parameters that are shared between modules count in the first of them.
    """
    rows = [['module', 'trained', 'frozen']]
    totals = [0, 0]
    seen: set[int] = set()
    parts = [*model.named_children(), ('(own parameters)', model)]
    for name, part in parts:
        parameters = [p for p in part.parameters(recurse=part is not model) if id(p) not in seen]
        seen.update(map(id, parameters))
        counts = [
            sum(p.numel() for p in parameters if p.requires_grad is trained) for trained in (True, False)
        ]
        if any(counts):
            rows.append([name, *(f'{count:,}' for count in counts)])
            totals = [total + count for total, count in zip(totals, counts, strict=True)]
    rows.append(['total', *(f'{total:,}' for total in totals)])
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
