"""A tiny UniHema on random weights, for all tests of models."""

import copy

import pytest
import torch
from mmdet.testing import demo_mm_inputs
from mmengine.config import Config
from mmengine.registry import init_default_scope

from unihema_mm.registry import MODELS

PROMPTS = ('Malaria', 'complete blood count', 'Sickle cell disease')


@pytest.fixture
def tiny_cfg(repo, tiny_tokenizer):
    """Model config of the tiny family with three classes and a tokenizer at hand."""
    init_default_scope('unihema_mm')
    cfg = Config.fromfile(repo / 'configs/_base_/models/uni_hema_tiny.py').model
    cfg.text_encoder.tokenizer = str(tiny_tokenizer)
    cfg.bbox_head.num_classes = 3
    return cfg


@pytest.fixture
def build_model(tiny_cfg):
    """Callable changes -> UniHema with seeded weights."""

    def build(seed: int = 0, **changes):
        torch.manual_seed(seed)
        model = MODELS.build({**copy.deepcopy(tiny_cfg), **changes})
        model.init_weights()
        return model

    return build


@pytest.fixture
def make_batch():
    """Callable (model, image sizes, objects per image) -> preprocessed batch with prompts."""

    def make(model, sizes=((96, 128), (80, 112)), num_items=(3, 5), training=True):
        torch.manual_seed(0)
        packed = demo_mm_inputs(
            len(sizes), [(3, *size) for size in sizes], num_classes=3, num_items=list(num_items)
        )
        for index, sample in enumerate(packed['data_samples']):
            words = PROMPTS[index % len(PROMPTS)]
            sample.set_metainfo({'text': f'This image is for the detection of {words} cells'})
        data = model.data_preprocessor(packed, training)
        return data['inputs'], data['data_samples']

    return make
