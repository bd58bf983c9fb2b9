"""Weights of the released Uni-Hema in the layout of its config here."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from unihema_mm.models.layers.box_encoding import BOX_ENCODING_WEIGHT, widen_box_encoding
from unihema_mm.utils.errors import InputError
from unihema_mm.utils.released_names import death_of, missing_parts, rename, twin_of

GATE_WEIGHT, GATE_SCALE = 'text_refiner.fusion.mlp.2.weight', 'text_refiner.fusion.scale'


class ReleasedWeights(NamedTuple):
    """Converted weights.

    Attributes:
        state_dict (dict[str, Tensor]): All weights of ``configs/uni_hema/released``, apart from the check of
            its tokenizer, which the released file says nothing about.
        added (list[str]): Names in it that the released network does not have.
        dropped (dict[str, str]): Released entries that no output depends on, with what they are.
    """

    state_dict: dict[str, Tensor]
    added: list[str]
    dropped: dict[str, str]


def convert_released(weights: Mapping[str, Tensor], source: str) -> ReleasedWeights:
    """Convert the state dict of the released Uni-Hema.

    Args:
        weights (Mapping[str, Tensor]): Released state dict.
        source (str): Its file, for messages.

    Returns:
        ReleasedWeights: Weights with the values of the released ones.

    Raises:
        InputError: An entry is unknown, a part of the network is missing, or two entries that are one
            tensor in the released network differ.
    """
    weights = {name.removeprefix('module.'): value for name, value in weights.items()}
    unknown = []
    converted: dict[str, Tensor] = {}
    for name, value in weights.items():
        try:
            converted.update({ours: adapt(ours, value) for ours in rename(name)})
        except KeyError:
            unknown.append(name)
    if unknown:
        raise InputError(
            f'{source}: {len(unknown)} entries are not of the released Uni-Hema, e.g. {unknown[0]}; give the '
            'checkpoint of its authors, or add a rule to unihema_mm/utils/released_names.py'
        )
    missing = missing_parts(weights)
    if missing:
        raise InputError(
            f'{source}: {len(missing)} parts of the released Uni-Hema are missing, the first is '
            f'{missing[0]}; give the whole checkpoint'
        )
    for name, value in weights.items():
        twin = twin_of(name)
        if twin is not None and not (twin in weights and torch.equal(value, weights[twin])):
            raise InputError(
                f'{source}: {name} is not equal to {twin}, but they are one tensor in the released Uni-Hema; '
                'give the checkpoint of its authors'
            )
    added = _added(converted)
    dropped = {name: death_of(name) for name in weights}
    return ReleasedWeights(
        {**converted, **added}, list(added), {name: what for name, what in dropped.items() if what}
    )


def adapt(name: str, weight: Tensor) -> Tensor:
    """Bring a released tensor to its shape here.

    Args:
        name (str): Name in unihema_mm.
        weight (Tensor): Released tensor.

    Returns:
        Tensor: The same numbers, with zeros for frequencies that the released box encoding lacks.
    """
    if name == BOX_ENCODING_WEIGHT:
        return widen_box_encoding(weight)
    if name == 'tasks.cls.feature.query':
        return weight.flatten()  # (1, 1, dims)
    if name == 'dn_query_generator.label_embedding.weight':
        return weight[:-1]  # the last row is for an unknown class, which mmdet does not have
    return weight


def _added(converted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights that the released network lacks, at the values with which they change nothing."""
    # The released backbone has frozen batch norms that count no batches.
    counters = {
        name.replace('running_var', 'num_batches_tracked'): torch.tensor(0)
        for name in converted
        if name.startswith('backbone.') and name.endswith('.running_var')
    }
    if GATE_WEIGHT not in converted:
        return counters
    return {GATE_SCALE: torch.ones(len(converted[GATE_WEIGHT])), **counters}
