"""Freezing parts of a model."""

from collections.abc import Sequence

from torch import nn

from .errors import InputError


def frozen_modules(model: nn.Module, names: Sequence[str]) -> list[nn.Module]:
    """Look up the modules to freeze.

    Args:
        model (nn.Module): Model that holds them.
        names (Sequence[str]): Dotted module names, e.g. 'text_encoder'.

    Returns:
        list[nn.Module]: The modules, in the order of ``names``.

    Raises:
        InputError: If a name is no module of ``model``.
    """
    if isinstance(names, str):
        raise InputError(f'frozen must be a list of module names, got the string {names!r}')
    known = dict(model.named_modules())
    unknown = [name for name in names if name not in known]
    if unknown:
        parts = ', '.join(name for name, _ in model.named_children())
        raise InputError(f'frozen: no module named {", ".join(unknown)}; the parts of this model are {parts}')
    return [known[name] for name in names]


def freeze(modules: Sequence[nn.Module]) -> None:
    """Switch off gradients, dropout and running statistics of ``modules``."""
    for module in modules:
        module.requires_grad_(False)
        module.eval()
