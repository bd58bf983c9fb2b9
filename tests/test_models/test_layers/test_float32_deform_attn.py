"""Deformable attention under autocast."""

import torch
from mmcv.ops import MultiScaleDeformableAttention
from torch import nn

from unihema_mm.models.layers import keep_deform_attn_in_float32
from unihema_mm.models.layers.float32_deform_attn import Float32DeformAttn


def call(attention):
    generator = torch.Generator().manual_seed(0)
    shapes = torch.tensor([[4, 5], [2, 3]])
    return attention(
        torch.randn(1, 6, 32, generator=generator),
        value=torch.randn(1, 26, 32, generator=generator),
        reference_points=torch.rand(1, 6, 2, 2, generator=generator),
        spatial_shapes=shapes,
        level_start_index=torch.tensor([0, 20]),
    )


def test_float32_result_is_that_of_mmcv_also_under_autocast():
    torch.manual_seed(0)
    holder = nn.Sequential(MultiScaleDeformableAttention(32, 4, 2, 2, dropout=0.0, batch_first=True))
    holder[0].sampling_offsets.bias.data.normal_()
    expected = call(holder[0])
    names = set(holder.state_dict())
    keep_deform_attn_in_float32(holder)
    assert isinstance(holder[0], Float32DeformAttn)
    assert set(holder.state_dict()) == names
    assert torch.equal(call(holder[0]), expected)
    with torch.autocast('cpu', torch.bfloat16):
        assert torch.equal(call(holder[0]), expected)
