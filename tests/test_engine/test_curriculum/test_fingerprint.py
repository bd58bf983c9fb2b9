"""What the result of a stage depends on."""

import json
from pathlib import Path

import pytest
from mmengine.config import Config

from unihema_mm.engine.curriculum import fingerprint as module
from unihema_mm.engine.curriculum.fingerprint import differences, fingerprint_of


@pytest.fixture
def config(tmp_path):
    """Callable (**changes) -> config that starts from ``tmp_path/runs/stage1``."""
    root, start = tmp_path / 'data' / 'cells', tmp_path / 'runs' / 'stage1'
    (root / 'annotations').mkdir(parents=True)
    (root / 'annotations' / 'train.json').write_text('{}')
    start.mkdir(parents=True)
    (start / 'iter_2.pth').write_bytes(b'weights')
    (start / 'last_checkpoint').write_text('somewhere/iter_2.pth')

    def make(place=start, **changes):
        dataset = dict(type='A', data_root=str(root), ann_file='annotations/train.json')
        hook = dict(type='StageStartHook', starts=[dict(checkpoint=str(place), modules=None)], initialised=[])
        fields = dict(
            work_dir='runs/stage2',
            launcher='none',
            model=dict(type='UniHema'),
            train_dataloader=dict(dataset=dict(type='Wrapper', datasets=dict(one=dataset))),
            custom_hooks=[dict(type='TrainableTableHook'), hook],
        )
        return Config({**fields, **changes})

    return make


def test_places_do_not_count(config, tmp_path):
    first = fingerprint_of(config())
    (tmp_path / 'runs').rename(tmp_path / 'moved')
    start = tmp_path / 'moved' / 'stage1'
    second = fingerprint_of(config(start, work_dir='moved/stage2', launcher='pytorch'))
    assert first == second and differences(first, second) == []
    assert first == json.loads(json.dumps(first))
    assert None not in {**first['data'], **first['starts']}.values() and len(first['starts']) == 1
    assert 'engine/curriculum/fingerprint.py' in first['code']


def test_each_part_is_told(config, tmp_path, monkeypatch):
    first = fingerprint_of(config())
    assert differences(first, fingerprint_of(config(model=dict(type='DINO')))) == ['config (model)']
    assert differences(first, fingerprint_of(config(), processes=2)) == ['config (processes)']

    (tmp_path / 'data/cells/annotations/train.json').write_text('{"info": {}}')
    data = tmp_path / 'data' / 'cells' / 'annotations' / 'train.json'
    assert differences(first, fingerprint_of(config())) == [f'data ({data})']
    data.write_text('{}')

    (tmp_path / 'runs/stage1/iter_2.pth').write_bytes(b'other weights')
    assert differences(first, fingerprint_of(config())) == ['starts (1: stage1)']
    (tmp_path / 'runs/stage1/iter_2.pth').write_bytes(b'weights')

    assert 'datasets/taxonomy/tree.yaml' in first['code']
    package = tmp_path / 'package'
    package.mkdir()
    for name in ('0.py', '1.py', '2.yaml', '3.py', 'notes.md'):
        (package / name).write_text('')
    monkeypatch.setattr(module.unihema_mm, '__file__', str(package / '__init__.py'))
    now = fingerprint_of(config())
    (package / '3.py').write_text('print()')
    assert differences(now, fingerprint_of(config())) == ['code (3.py)']
    for path in package.iterdir():
        path.write_text('1')
    assert differences(now, fingerprint_of(config())) == ['code (0.py, 1.py, 2.yaml, 1 more)']


def test_files_of_a_tokenizer_count(config, tmp_path):
    folder = tmp_path / 'tokenizer'
    folder.mkdir()
    (folder / 'tokenizer.json').write_text('{}')
    cfg = config(model=dict(text_encoder=dict(tokenizer=str(folder))))
    first = fingerprint_of(cfg)
    (folder / 'tokenizer.json').write_text('{"a": 1}')
    assert differences(first, fingerprint_of(cfg)) == [f'data ({Path(folder, "tokenizer.json")})']


def test_pretrained_weights_count_by_their_content(config, tmp_path):
    (tmp_path / 't5').mkdir()
    files = [tmp_path / 'resnet.pth', tmp_path / 't5' / 'model.safetensors', tmp_path / 'coco.pth']
    for file in files:
        file.write_bytes(b'1')
    model = dict(
        backbone=dict(init_cfg=dict(type='Pretrained', checkpoint=str(files[0]))),
        text_encoder=dict(model=str(tmp_path / 't5')),
        neck=dict(init_cfg=None),
        head=dict(init_cfg=dict(checkpoint='torchvision://resnet50')),
    )
    cfg = config(model=model, load_from=str(files[2]))
    names = (
        'model.backbone.init_cfg.checkpoint',
        'model.text_encoder.model: model.safetensors',
        'load_from',
    )
    for file, name in zip(files, names, strict=True):
        first = fingerprint_of(cfg)
        file.write_bytes(b'2')
        assert differences(first, fingerprint_of(cfg)) == [f'starts ({name})']


def test_start_without_a_file(config, tmp_path):
    assert [*fingerprint_of(config(tmp_path / 'runs' / 'stage9'))['starts'].values()] == [None]
    assert [*fingerprint_of(config('https://host/dino.pth'))['starts'].values()] == [None]
