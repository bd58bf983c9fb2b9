"""Weights in the format safetensors."""

import json
from collections.abc import Mapping

from safetensors.torch import save
from torch import Tensor

from .checkpoint import SAFETENSORS_META


def safetensors_bytes(weights: Mapping[str, Tensor], meta: Mapping | None = None) -> bytes:
    """Content of a ``.safetensors`` file.

    Args:
        weights: State dict. Tensors that share memory with an earlier one are written as copies, for the
            format knows no shared ones.
        meta: Plain facts, which :func:`~unihema_mm.utils.checkpoint.read_checkpoint` gives back as ``meta``.
    """
    seen: set[int] = set()
    apart = {}
    for name, value in weights.items():
        memory = value.untyped_storage().data_ptr()
        value = value.contiguous()
        apart[name] = value.clone() if memory in seen else value
        seen.add(memory)
    metadata = {'format': 'pt'}
    if meta is not None:
        metadata[SAFETENSORS_META] = json.dumps(meta)
    return save(apart, metadata)
