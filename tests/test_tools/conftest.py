"""A toy data set of coloured squares, a config of the tiny family for it, and the tools as programs."""

import json
import os
import runpy
import subprocess
import sys

import cv2
import numpy as np
import pytest
from mmengine.visualization import Visualizer

SIZE = (48, 64)  # height, width
CLASSES = ('red', 'blue')


@pytest.fixture
def toy_data(tmp_path):
    """Callable (name, objects per image) -> folder with annotations/{train,val,test}.json."""

    def make(name='toy', objects=(2, 1, 3, 2, 1, 2, 4, 2)):
        root = tmp_path / name
        (root / 'images').mkdir(parents=True)
        (root / 'annotations').mkdir()
        rng = np.random.default_rng(0)
        images, annotations = [], []
        for image_id, count in enumerate(objects):
            canvas = np.full((*SIZE, 3), 220, np.uint8)
            for _ in range(count):
                side = int(rng.integers(8, 16))
                x, y = int(rng.integers(0, SIZE[1] - side)), int(rng.integers(0, SIZE[0] - side))
                label = int(rng.integers(2))
                canvas[y : y + side, x : x + side] = ((40, 40, 200), (200, 40, 40))[label]
                annotations.append(
                    dict(
                        id=len(annotations) + 1,
                        image_id=image_id,
                        category_id=7 + 2 * label,
                        bbox=[x, y, side, side],
                        area=side * side,
                        iscrowd=0,
                    )
                )
            cv2.imwrite(str(root / 'images' / f'{image_id}.png'), canvas)
            images.append(
                dict(
                    id=image_id,
                    file_name=f'images/{image_id}.png',
                    height=SIZE[0],
                    width=SIZE[1],
                    tasks=['det'],
                    prompt='Squares',
                )
            )
        categories = [dict(id=7 + 2 * label, name=name) for label, name in enumerate(CLASSES)]
        for split in ('train', 'val', 'test'):
            info = dict(schema_version='1.0', dataset=name, split=split, licence='none')
            document = dict(info=info, images=images, annotations=annotations, categories=categories)
            (root / 'annotations' / f'{split}.json').write_text(json.dumps(document))
        return root

    return make


@pytest.fixture
def toy_config(repo, tiny_tokenizer, tmp_path, toy_data):
    """Callable (name, text appended to the config, **data) -> config file of a very small UniHema."""

    def make(name='toy_config', extra='', **data):
        root = toy_data(**data)
        path = tmp_path / f'{name}.py'
        path.write_text(f"""
_base_ = {str(repo / 'configs/uni_hema/tiny/detector.py')!r}
model = dict(
    num_queries=20,
    backbone=dict(base_channels=8),
    neck=dict(in_channels=[16, 32, 64]),
    encoder=dict(num_layers=1),
    decoder=dict(num_layers=2),
    bbox_head=dict(num_classes=2),
    text_encoder=dict(tokenizer={str(tiny_tokenizer)!r}),
    dn_cfg=dict(group_cfg=dict(num_dn_queries=10)),
    test_cfg=dict(max_per_img=20),
)
load = [dict(type='LoadSmearImage'), dict(type='LoadCellAnnotations', with_bbox=True)]
change = [dict(type='mmdet.RandomFlip', prob=0.5), dict(type='mmdet.PhotoMetricDistortion')]
pack = [dict(type='PackSmearInputs')]
size = [dict(type='mmdet.Resize', scale=(64, 48), keep_ratio=True)]
loader = dict(batch_size=2, num_workers=0, persistent_workers=False,
              dataset=dict(data_root={str(root)!r}, pipeline=[load[0], *size, load[1], *pack]))
train_dataloader = dict(
    batch_size=2, num_workers=0, persistent_workers=False, batch_sampler=None,
    dataset=dict(data_root={str(root)!r}, pipeline=[*load, *size, *change, *pack]))
val_dataloader = loader
test_dataloader = loader
train_cfg = dict(max_epochs=2, val_interval=2)
checkpoint = dict(_delete_=True, type='SafeCheckpointHook', interval=1, max_keep_ckpts=2)
default_hooks = dict(logger=dict(interval=1), checkpoint=checkpoint)
custom_hooks = [
    dict(type='ClassCountHook'),
    dict(type='DetectionBudgetHook'),
    dict(type='TrainableTableHook'),
    dict(type='StopOnNonFiniteLossHook'),
    dict(type='ExactResumeHook'),
    dict(type='SyncBuffersHook'),
]
{extra}
""")
        return path

    return make


@pytest.fixture
def run_tool(repo, tmp_path):
    """Callable (tool, *arguments) -> finished process of its own, run in ``tmp_path``."""

    def run(tool, *arguments, environment=()):
        path = os.pathsep.join([str(repo), str(tmp_path)])
        variables = {
            **os.environ,
            'PYTHONPATH': path,
            'OMP_NUM_THREADS': '1',
            'CUDA_VISIBLE_DEVICES': '-1',
            'PYTHON': sys.executable,
            **dict(environment),
        }
        program = ['bash'] if tool.endswith('.sh') else [sys.executable]
        return subprocess.run(
            [*program, str(repo / 'tools' / tool), *map(str, arguments)],
            cwd=tmp_path,
            env=variables,
            capture_output=True,
            text=True,
            timeout=300,
        )

    return run


@pytest.fixture
def call_tool(repo, tmp_path, monkeypatch):
    """Callable (tool, *arguments) -> exit code of the tool, run in this process in ``tmp_path``."""

    def call(tool, *arguments):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, 'argv', [tool, *map(str, arguments)])
        # Hooks take the visualizer that was made last; one of an earlier run would stay the last one.
        Visualizer._instance_dict.clear()
        try:
            runpy.run_path(str(repo / 'tools' / tool), run_name='__main__')
        except SystemExit as end:
            return end.code
        return 0

    return call
