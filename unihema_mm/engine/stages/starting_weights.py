"""The weights that a stage starts from: parts of one or several checkpoints, checked before any is copied."""

import copy
import os
import warnings
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from unihema_mm.utils.checkpoint import count_names, load_from_safe, load_what_fits
from unihema_mm.utils.errors import InputError

from .label_spaces import LabelSpaces, stored_label_spaces
from .load_report import IgnoredPart, LoadReport, ignored_parts, started_parts
from .weight_checks import check_misfit, check_taken, tensors_of
from .weight_sources import WeightSources, is_below


def load_starts(
    model: nn.Module,
    starts: Sequence[tuple[str | os.PathLike, Sequence[str] | None]],
    initialised: Sequence[str] = (),
    label_spaces: LabelSpaces | None = None,
) -> LoadReport:
    """Load parts of a model from one or several checkpoints.

    Everything is checked first, on a copy of the model without values; after an error the model is as it was.
    Of modules inside each other, such as 'bbox_head' of a start and 'bbox_head.cls_branches' among the
    initialised ones, the inner one counts.

    Args:
        model: Model without wrappers.
        starts: Checkpoint (``.pth`` or ``.safetensors``, also an address) and the dotted names of the modules
            and parameters that come from it, ``None`` for all that it holds. Without any start, the model
            stays as it has initialised itself.
        initialised: Names of the modules and parameters that no start gives.
        label_spaces: What the outputs of the model stand for in this run, see
            :func:`~unihema_mm.engine.stages.label_spaces.find_label_spaces`.

    Returns:
        What comes from where.

    Raises:
        InputError: A name is not in the model; a checkpoint cannot be read safely; a weight is missing,
            unexpected, of another shape, not finite or in two starts; a part was trained with other names of
            classes or attributes, or another tokenizer.
    """
    declared = WeightSources(model, starts, initialised)
    weights: dict[str, Tensor] = {}
    sources: dict[str, str] = {}
    spaces: LabelSpaces = {}
    held: dict[str, list[str]] = {}
    for number, source in enumerate(declared.files):
        checkpoint = load_from_safe(source, 'cpu')
        all_weights = tensors_of(checkpoint, source)
        taken = {name: value for name, value in all_weights.items() if declared.takes(number, name)}
        again = [name for name in taken if name in sources]
        if again:
            raise InputError(
                f'{source}: {count_names(again, "weights")} come from {sources[again[0]]} too; name their '
                'modules in one of the two starts'
            )
        check_taken(model, taken, checkpoint, label_spaces or {}, source)
        weights |= taken
        sources |= dict.fromkeys(taken, source)
        held[source] = list(all_weights)
        stored = stored_label_spaces(checkpoint)
        spaces |= {
            part: space for part, space in stored.items() if any(is_below(name, part) for name in taken)
        }
    if declared.files:
        _load(model, weights, sources, declared)
    return LoadReport(tuple(started_parts(model, sources)), _ignored(model, held, sources), spaces)


def _load(
    model: nn.Module, weights: Mapping[str, Tensor], sources: Mapping[str, str], declared: WeightSources
) -> None:
    """Load weights after a trial; the trial has run the hooks of the model itself already."""
    shadow, prepared = _shadow(model), {}
    shadow.register_load_state_dict_pre_hook(lambda _, state, *__: prepared.update(state))
    files = ', '.join(dict.fromkeys(declared.files))
    with warnings.catch_warnings():
        warnings.filterwarnings('ignore', message='.*copying from a non-meta parameter')
        misfit = load_what_fits(shadow, weights, files)
    check_misfit(model, weights, sources, declared, misfit)
    load_what_fits(model, prepared, files)


def _shadow(model: nn.Module) -> nn.Module:
    """Copy of a model whose parameters have shapes, but no values."""
    empty = {
        id(parameter): nn.Parameter(torch.empty_like(parameter, device='meta'), requires_grad=False)
        for parameter in model.parameters()
    }
    return copy.deepcopy(model, empty)


def _ignored(
    model: nn.Module, held: Mapping[str, Sequence[str]], sources: Mapping[str, str]
) -> tuple[IgnoredPart, ...]:
    known = {*model.state_dict(), *dict(model.named_parameters(remove_duplicate=False))}
    rows: list[IgnoredPart] = []
    for source, names in held.items():
        left = {name: name in known for name in names if sources.get(name) != source}
        rows += ignored_parts(model, source, left)
    return tuple(rows)
