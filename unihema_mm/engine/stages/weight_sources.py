"""Which weight of a model is to come from which checkpoint."""

import os
from collections.abc import Iterable, Sequence

from torch import nn

from unihema_mm.utils.checkpoint import count_names
from unihema_mm.utils.errors import InputError
from unihema_mm.utils.names import close_names


class WeightSources:
    """Answers for each weight where it is to come from.

    Args:
        model: Model without wrappers.
        starts: See :func:`~unihema_mm.engine.stages.starting_weights.load_starts`.
        initialised: As there.

    Attributes:
        files: Checkpoint of each start.

    Raises:
        InputError: A name is not in the model, or stands both in a start and among the initialised ones.
    """

    def __init__(
        self,
        model: nn.Module,
        starts: Sequence[tuple[str | os.PathLike, Sequence[str] | None]],
        initialised: Sequence[str],
    ) -> None:
        self.files = [os.fspath(source) for source, _ in starts]
        self._modules = [
            ('',) if modules is None else _checked_names(model, modules, f'{source}: modules')
            for source, modules in zip(self.files, (modules for _, modules in starts), strict=True)
        ]
        self._initialised = _checked_names(model, initialised, 'initialised')
        for source, modules in zip(self.files, self._modules, strict=True):
            both = [name for name in modules if name in self._initialised]
            if both:
                raise InputError(
                    f'{source}: modules: {count_names(both)} are among the initialised ones too; '
                    'name them once'
                )

    def takes(self, number: int, name: str) -> bool:
        """Whether a weight comes from a start, where it has it."""
        return _depth(name, self._modules[number]) > _depth(name, self._initialised)

    def giver(self, name: str) -> str | None:
        """First start that a weight is to come from."""
        return next((source for number, source in enumerate(self.files) if self.takes(number, name)), None)

    def is_initialised(self, name: str) -> bool:
        """Whether no start is to have a weight."""
        return _depth(name, self._initialised) >= 0 and self.giver(name) is None


def _checked_names(model: nn.Module, names: Sequence[str], where: str) -> tuple[str, ...]:
    if isinstance(names, str):
        raise InputError(f'{where}: must be a list of names of modules and parameters, got {names!r}')
    tensors = [name for name, _ in (*model.named_parameters(remove_duplicate=False), *model.named_buffers())]
    known = {*(name for name, _ in model.named_modules()), *tensors}
    for name in names:
        if not name or name not in known:
            near = close_names(name, sorted(known)) or dict.fromkeys(part.split('.')[0] for part in tensors)
            raise InputError(
                f'{where}: no module or parameter of the model is named {name!r}; write one such as '
                f'{", ".join(near)}'
            )
    return tuple(names)


def is_below(name: str, module: str) -> bool:
    """Whether a weight is a parameter of a module or in it; all are in the module ''."""
    return not module or name == module or name.startswith(f'{module}.')


def _depth(name: str, modules: Iterable[str]) -> int:
    """Length of the longest of the modules that a weight is below, -1 where it is below none."""
    return max((len(module) for module in modules if is_below(name, module)), default=-1)
