"""Optimizer over the trainable parameters only."""

from mmengine.model import is_model_wrapper
from mmengine.optim import DefaultOptimWrapperConstructor, OptimWrapper
from torch import nn

from unihema_mm.registry import OPTIM_WRAPPER_CONSTRUCTORS
from unihema_mm.utils.errors import InputError


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class TrainableOptimWrapperConstructor(DefaultOptimWrapperConstructor):
    """mmengine's default constructor, without the parameters that are frozen.

    The default hands every parameter to the optimizer unless ``paramwise_cfg`` is set, and
    logs one warning per frozen parameter where it is. Parameters with the same options share one
    group here, which lets the optimizer update them together.

    Args:
        optim_wrapper_cfg: Config of the optimizer wrapper, with the key ``optimizer``.
        paramwise_cfg: Options per parameter, see mmengine's ``DefaultOptimWrapperConstructor``.

    Raises:
        InputError: No parameter of the model is trainable.
    """

    def __call__(self, model: nn.Module) -> OptimWrapper:
        """Build the optimizer wrapper for the trainable parameters of ``model``."""
        module = model.module if is_model_wrapper(model) else model
        if not any(parameter.requires_grad for parameter in module.parameters()):
            raise InputError(
                f'model {type(module).__name__}: every parameter is frozen, there is nothing to '
                'train; unfreeze a module in the config'
            )
        # A non-empty paramwise_cfg makes the base class collect parameters through add_params; a weight that
        # two modules share (the embedding of T5) enters once.
        self.paramwise_cfg = {**self.paramwise_cfg, 'bypass_duplicate': True}
        return super().__call__(model)

    def add_params(self, params: list[dict], module: nn.Module, prefix: str = '', is_dcn_module=None) -> None:
        """Append the groups of the trainable parameters of ``module`` to ``params``.

        Args:
            params: Parameter groups so far, changed in place.
            module: Module whose parameters are added, with those of its children.
            prefix: Name of ``module`` in the model, empty for the model itself.
            is_dcn_module: True inside a deformable convolution.
        """
        if not any(parameter.requires_grad for parameter in module.parameters()):
            return
        if prefix:
            super().add_params(params, module, prefix, is_dcn_module)
            return
        single: list[dict] = []
        super().add_params(single, module, prefix, is_dcn_module)
        merged: dict[str, dict] = {}
        for group in single:
            options = {key: value for key, value in group.items() if key != 'params'}
            merged.setdefault(repr(sorted(options.items())), {**options, 'params': []})['params'] += group[
                'params'
            ]
        params.extend(merged.values())

    def _is_in(self, param_group: dict, param_group_list: list) -> bool:
        """Whether the parameter of ``param_group`` is in one of the groups (the base class is quadratic)."""
        parameter = param_group['params'][0]
        return any(other is parameter for group in param_group_list for other in group['params'])
