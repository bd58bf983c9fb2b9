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


def freeze_all_but(model: nn.Module, names: Sequence[str]) -> None:
    """Freeze what is not named.

    Args:
        model (nn.Module): Model that holds them.
        names (Sequence[str]): Dotted names of modules or parameters, e.g. 'tasks.seg' or 'level_embed'.

    Raises:
        InputError: If a name is neither a module nor a parameter of ``model``.
    """
    if isinstance(names, str):
        raise InputError(f'trained must be a list of names of modules and parameters, got {names!r}')
    known = dict(model.named_modules()).keys() | dict(model.named_parameters()).keys()
    unknown = [name for name in names if name not in known]
    if unknown:
        parts = ', '.join(dict.fromkeys(name.split('.')[0] for name, _ in model.named_parameters()))
        raise InputError(
            f'trained: no module or parameter named {", ".join(unknown)}; the parts of this model are {parts}'
        )
    _freeze_below(model, '', set(names))


def _freeze_below(module: nn.Module, prefix: str, kept: set[str]) -> None:
    for name, parameter in module.named_parameters(prefix.removesuffix('.'), recurse=False):
        if name not in kept:
            parameter.requires_grad_(False)
    for name, child in module.named_children():
        path = prefix + name
        if path in kept:
            continue
        if any(other.startswith(f'{path}.') for other in kept):
            _freeze_below(child, f'{path}.', kept)
        else:
            freeze([child])


def freeze(modules: Sequence[nn.Module]) -> None:
    """Switch off gradients, dropout and running statistics of ``modules``."""
    for module in modules:
        module.requires_grad_(False)
        module.eval()
