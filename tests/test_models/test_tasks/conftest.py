"""A tiny model with every task, and batches that mix them."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from mmdet.structures import DetDataSample
from mmdet.structures.mask import BitmapMasks
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData, PixelData

from unihema_mm.models.text.tokenizer import train_tokenizer
from unihema_mm.registry import MODELS

TEXTS = dict(
    vqa=dict(questions=['Is it round?', 'What is it?'], answers=['Yes', 'It is a lymphocyte.']),
    mlm=dict(masked=['A <extra_id_0> cell.'], completed=['A round cell.']),
)
CELLS, FIELDS = ('cls', 'vqa', 'mlm'), ('det', 'morph', 'inst', 'seg')


@pytest.fixture(scope='session')
def all_tasks_cfg(tmp_path_factory):
    """Model config with all tasks, nothing random but the denoising, and a tokenizer at hand."""
    folder = tmp_path_factory.mktemp('all_tasks') / 'tokenizer'
    train_tokenizer(
        ['Is it round?', 'What is it?', 'It is a lymphocyte.', 'A round cell.', 'Malaria cells', 'Yes'],
        folder,
        vocab_size=400,
    )
    repo = Path(__file__).resolve().parents[3]
    cfg = Config.fromfile(repo / 'configs/_base_/models/uni_hema_tiny_all_tasks.py').model
    cfg.num_queries = 20
    cfg.test_cfg.max_per_img = 20
    cfg.text_encoder.tokenizer = str(folder)
    cfg.text_encoder.model.update(dropout_rate=0.0)
    cfg.bbox_head.num_classes = 3
    cfg.tasks.cls.update(num_classes=5, head=dict(dropout=0.0))
    cfg.tasks.inst.loss_points.num_points = 64
    return cfg


@pytest.fixture
def build_all_tasks(all_tasks_cfg):
    """Callable changes -> UniHema with all tasks and seeded weights."""

    def build(**changes):
        init_default_scope('unihema_mm')
        torch.manual_seed(0)
        cfg = Config(dict(model=copy.deepcopy(all_tasks_cfg)))
        cfg.merge_from_dict(dict(model=changes))
        model = MODELS.build(cfg.model)
        model.init_weights()
        return model

    return build


def make_sample(tasks, size, objects=3, seed=0, training=True, padded=False):
    """Image and sample for the given tasks; boxes have a share of annotated attributes."""
    rng = np.random.default_rng(seed)
    height, width = size
    image = torch.from_numpy(rng.integers(0, 256, (3, height, width), dtype=np.uint8))
    sample = DetDataSample(
        metainfo=dict(
            tasks=tuple(tasks),
            img_id=seed,
            img_path=f'image_{seed}.png',
            img_shape=size,
            ori_shape=size if training else (2 * height, 2 * width),
            scale_factor=(1.0, 1.0) if training else (0.5, 0.5),
            text='This image is for the detection of Malaria cells',
        )
    )
    corner = rng.uniform(0, 0.6, (objects, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(0.1, 0.35, (objects, 2))], axis=1)
    boxes = boxes * [width, height, width, height]
    masks = np.zeros((objects, height, width), np.uint8)
    for mask, (x1, y1, x2, y2) in zip(masks, boxes.astype(int), strict=True):
        mask[y1 : y2 + 1, x1 : x2 + 1] = 1
    attributes = rng.integers(-1, 2, (objects, 11))
    sample.gt_instances = InstanceData(
        bboxes=torch.from_numpy(boxes).float(),
        labels=torch.from_numpy(rng.integers(0, 3, objects)),
        masks=BitmapMasks(masks, height, width),
        attributes=torch.from_numpy(attributes),
    )
    sample.gt_sem_seg = PixelData(sem_seg=torch.from_numpy(masks.any(axis=0)[None].astype(np.uint8)))
    sample.gt_label = torch.tensor([seed % 5])
    sample.gt_attributes = torch.from_numpy(rng.integers(-1, 2, 11))
    for task in tasks:
        sample.set_metainfo(TEXTS.get(task, {}))
    return image, sample


@pytest.fixture
def make_mixed():
    """Callable (model, list of (tasks, size[, objects])) -> preprocessed batch."""

    def make(model, entries, training=True):
        pairs = [
            make_sample(entry[0], entry[1], *entry[2:], seed=seed, training=training)
            for seed, entry in enumerate(entries)
        ]
        data = model.data_preprocessor(
            dict(inputs=[image for image, _ in pairs], data_samples=[sample for _, sample in pairs]), training
        )
        return data['inputs'], data['data_samples']

    return make
