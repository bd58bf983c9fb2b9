"""Weights that cannot be a start: each fault is one line with the file, the names and the mend."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from unihema_mm.models.text.tokenizer import tokenizer_fingerprint
from unihema_mm.utils.checkpoint import Misfit, count_names, weights_of
from unihema_mm.utils.errors import InputError

from .label_spaces import LabelSpaces, label_difference
from .weight_sources import WeightSources, is_below

_FINGERPRINT = 'tokenizer_fingerprint'


def tensors_of(checkpoint: Mapping, source: str) -> dict[str, Tensor]:
    """Weights of a checkpoint.

    Raises:
        InputError: There are none, or something in the state dict is no tensor.
    """
    weights = weights_of(checkpoint)
    wrong = [name for name, value in weights.items() if not isinstance(value, Tensor)]
    if wrong or not weights:
        what = f'its entries are no weights: {count_names(wrong)}' if wrong else 'holds no weights'
        raise InputError(f"{source}: {what}; give a state dict, or a checkpoint that has it as 'state_dict'")
    return weights


def check_taken(
    model: nn.Module,
    taken: Mapping[str, Tensor],
    checkpoint: Mapping[str, Any],
    label_spaces: LabelSpaces,
    source: str,
) -> None:
    """Check what is taken from one checkpoint.

    Args:
        model: Model without wrappers.
        taken: The weights.
        checkpoint: The whole checkpoint.
        label_spaces: What the outputs of the model stand for in this run.
        source: File of the checkpoint.

    Raises:
        InputError: A weight is not finite, or was trained with other classes, attributes or token ids.
    """
    _check_finite(taken, source)
    _check_labels(taken, label_spaces, checkpoint, source)
    _check_tokenizers(model, taken, weights_of(checkpoint), source)


def _check_finite(taken: Mapping[str, Tensor], source: str) -> None:
    broken = [
        name for name, value in taken.items() if value.is_floating_point() and not value.isfinite().all()
    ]
    if broken:
        raise InputError(
            f'{source}: {count_names(broken, "weights")} hold NaN or infinity; take an earlier checkpoint of '
            'that run'
        )


def _check_labels(
    taken: Mapping[str, Tensor], ours: LabelSpaces, checkpoint: Mapping[str, Any], source: str
) -> None:
    for part in ours:
        difference = label_difference(part, ours, checkpoint)
        if difference is not None and any(is_below(name, part) for name in taken):
            raise InputError(
                f'{source}: {part} was trained with other {" and ".join(ours[part])} than those of this run: '
                f'{difference}; give the data sets the same ones in that order, or add {part} to initialised'
            )


def _check_tokenizers(
    model: nn.Module, taken: Mapping[str, Tensor], held: Mapping[str, Tensor], source: str
) -> None:
    """Refuse weights of a text module that were trained with other token ids."""
    trained_with = [value for name, value in held.items() if name.endswith(_FINGERPRINT)]
    if not trained_with:
        return
    for part, module in model.named_modules():
        if not hasattr(module, 'tokenizer') or not any(is_below(name, part) for name in taken):
            continue
        ours = tokenizer_fingerprint(module.tokenizer)
        if not any(torch.equal(ours, value.cpu().float()) for value in trained_with):
            raise InputError(
                f'{source}: {part} was trained with another tokenizer than '
                f'{module.tokenizer.name_or_path!r}; give that one in model.text_encoder.tokenizer'
            )


def check_misfit(
    model: nn.Module,
    weights: Mapping[str, Tensor],
    sources: Mapping[str, str],
    declared: WeightSources,
    misfit: Misfit,
) -> None:
    """Check what a trial of loading has found.

    Args:
        model: Model without wrappers.
        weights: The weights of all starts.
        sources: Weight -> its file.
        declared: Where the weights are to come from.
        misfit: What did not fit.

    Raises:
        InputError: A weight is unexpected, of another shape, or missing and not declared as initialised.
    """
    files = ', '.join(dict.fromkeys(declared.files))
    _raise_unexpected(misfit.unexpected, sources, files)
    _raise_wrong_shape(misfit.wrong_shape, weights, model, sources, files)
    _raise_missing(misfit.missing, model, declared, files)


def _of_first_file(
    names: Sequence[str], sources: Mapping[str, str | None], files: str
) -> tuple[str, list[str]]:
    """File of the first weight, and the weights of that file."""
    source = sources.get(names[0])
    return source or files, [name for name in names if sources.get(name) == source]


def _raise_unexpected(names: Sequence[str], sources: Mapping[str, str], files: str) -> None:
    if names:
        source, names = _of_first_file(names, sources, files)
        raise InputError(
            f'{source}: {count_names(names, "weights")} are not in the model; leave their modules out of the '
            'start, or build the model as in the run that made the file'
        )


def _raise_wrong_shape(
    names: Sequence[str],
    weights: Mapping[str, Tensor],
    model: nn.Module,
    sources: Mapping[str, str],
    files: str,
) -> None:
    if names:
        source, names = _of_first_file(names, sources, files)
        first = names[0]
        wanted = dict((*model.named_parameters(remove_duplicate=False), *model.named_buffers())).get(first)
        shapes = [tuple(value.shape) for value in (weights.get(first), wanted) if value is not None]
        raise InputError(
            f'{source}: {count_names(names, "weights")} have another shape than in the model (the first: '
            f'{" there, ".join(map(str, shapes))} here); build the model as in the run that made the file, '
            'or add their modules to initialised'
        )


def _raise_missing(names: Sequence[str], model: nn.Module, declared: WeightSources, files: str) -> None:
    parameters = dict(model.named_parameters(remove_duplicate=False))
    free = {id(parameter) for name, parameter in parameters.items() if declared.is_initialised(name)}
    missing = [
        name for name in names if not declared.is_initialised(name) and id(parameters.get(name)) not in free
    ]
    if not missing:
        return
    givers = {name: declared.giver(name) for name in missing}
    by_start = [name for name in missing if givers[name] is not None]
    if by_start:
        source, names = _of_first_file(by_start, givers, files)
        raise InputError(
            f'{source}: lacks {count_names(names, "weights")} of the modules that are to come from it; take '
            'them from another start, or add them to initialised'
        )
    raise InputError(
        f'{files}: no start gives {count_names(missing, "weights")}; add their modules to those of a start, '
        'or to initialised'
    )
