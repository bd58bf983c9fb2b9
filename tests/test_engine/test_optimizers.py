"""Optimizers hold what is trained, and bfloat16 works on a CPU."""

import pytest
import torch
from mmengine.optim import OptimWrapper
from torch import nn

from unihema_mm.engine.optimizers import Bfloat16OptimWrapper, TrainableOptimWrapperConstructor
from unihema_mm.utils.errors import InputError


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Conv2d(3, 4, 1)
        self.norm = nn.LayerNorm(4)
        self.text = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4)).requires_grad_(False)
        self.head = nn.Linear(4, 4)
        self.tied = nn.Linear(4, 4, bias=False)
        self.tied.weight = self.head.weight


def build(model, paramwise_cfg=None, **optimizer):
    optimizer = {'type': 'AdamW', 'lr': 1.0, 'weight_decay': 0.1, **optimizer}
    return TrainableOptimWrapperConstructor(dict(type='OptimWrapper', optimizer=optimizer), paramwise_cfg)(
        model
    )


def names(model, wrapper):
    known = {id(parameter): name for name, parameter in model.named_parameters()}
    return [
        sorted(known[id(parameter)] for parameter in group['params'])
        for group in wrapper.optimizer.param_groups
    ]


def test_frozen_parameters_are_absent_and_shared_ones_enter_once():
    model = Model()
    groups = names(model, build(model))
    assert groups == [
        ['backbone.bias', 'backbone.weight', 'head.bias', 'head.weight', 'norm.bias', 'norm.weight']
    ]


def test_paramwise_cfg():
    model = Model()
    wrapper = build(model, dict(custom_keys={'backbone': dict(lr_mult=0.1)}, norm_decay_mult=0.0))
    groups = {
        group[0]: options
        for group, options in zip(names(model, wrapper), wrapper.optimizer.param_groups, strict=True)
    }
    assert {name: (g['lr'], g['weight_decay']) for name, g in groups.items()} == {
        'backbone.bias': (0.1, 0.1),
        'head.bias': (1.0, 0.1),
        'norm.bias': (1.0, 0.0),
    }


def test_nothing_to_train():
    with pytest.raises(InputError, match='every parameter is frozen'):
        build(Model().requires_grad_(False))


def test_bfloat16_on_a_cpu():
    model = nn.Linear(2, 1)
    wrapper = Bfloat16OptimWrapper(optimizer=torch.optim.SGD(model.parameters(), lr=0.1))
    with wrapper.optim_context(model):
        output = model(torch.ones(1, 2))
    assert output.dtype == torch.bfloat16
    before = model.weight.clone()
    wrapper.update_params(output.float().sum())
    assert model.weight.dtype == torch.float32 and not torch.equal(model.weight, before)
    assert isinstance(wrapper, OptimWrapper)
