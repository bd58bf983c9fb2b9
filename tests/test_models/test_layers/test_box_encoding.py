"""Checkpoints with the box encoding of OpenMMLab's mmdet."""

import torch
from mmdet.models.layers.transformer.utils import coordinate_to_encoding
from torch import nn

from unihema_mm.models.layers.box_encoding import BOX_ENCODING_WEIGHT, widen_box_encoding


def test_same_function():
    generator = torch.Generator().manual_seed(0)
    boxes = torch.rand(2, 9, 4, generator=generator)
    weight = torch.randn(16, 4 * 128, generator=generator)
    narrow = coordinate_to_encoding(boxes, num_feats=128)
    wide = coordinate_to_encoding(boxes, num_feats=256)
    torch.testing.assert_close(
        nn.functional.linear(wide, widen_box_encoding(weight)), nn.functional.linear(narrow, weight)
    )


def test_detector_loads_both_widths(build_model):
    model = build_model()
    state = model.state_dict()
    weight = state[BOX_ENCODING_WEIGHT].clone()
    half = torch.randn(weight.size(0), weight.size(1) // 2)
    model.load_state_dict({**state, BOX_ENCODING_WEIGHT: half})
    assert torch.equal(model.get_parameter(BOX_ENCODING_WEIGHT), widen_box_encoding(half))
    model.load_state_dict({**state, BOX_ENCODING_WEIGHT: weight + 1})
    assert torch.equal(model.get_parameter(BOX_ENCODING_WEIGHT), weight + 1)
