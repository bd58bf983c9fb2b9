"""Deformable attention that stays in float32 under autocast."""

import torch
from mmcv.ops import MultiScaleDeformableAttention
from torch import Tensor, nn


class Float32DeformAttn(MultiScaleDeformableAttention):
    """mmcv's deformable attention with autocast switched off.

    mmcv has no bfloat16 kernel and would fall back to a pure-torch path that is
    about four times slower and needs about thirteen times the memory.
    Parameters, names and results in float32 are mmcv's own.
    """

    def forward(self, query: Tensor, *args, **kwargs) -> Tensor:
        """See :class:`mmcv.ops.MultiScaleDeformableAttention`; tensors are cast to float32."""
        with torch.autocast(query.device.type, enabled=False):
            return super().forward(
                _to_float32(query),
                *(_to_float32(arg) for arg in args),
                **{name: _to_float32(arg) for name, arg in kwargs.items()},
            )


def _to_float32(value):
    return value.float() if isinstance(value, Tensor) and value.is_floating_point() else value


def keep_deform_attn_in_float32(module: nn.Module) -> None:
    """Turn every mmcv deformable attention below ``module`` into :class:`Float32DeformAttn`.

    The class is exchanged in place, because mmdet's transformer layers name
    mmcv's class directly and take no config for it.
    """
    for child in module.modules():
        if type(child) is MultiScaleDeformableAttention:
            child.__class__ = Float32DeformAttn
