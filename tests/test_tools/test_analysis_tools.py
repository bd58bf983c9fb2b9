"""Dataset browser, benchmark and the comparison with DINO."""

import json
import subprocess
from pathlib import Path

import cv2
import pytest


def test_browse_dataset(toy_config, call_tool, tmp_path):
    config = toy_config()
    for split in ('train', 'test'):
        out = tmp_path / split
        assert (
            call_tool('analysis_tools/browse_dataset.py', config, '--split', split, '--num', 3, '--out', out)
            == 0
        )
        pictures = sorted(out.iterdir())
        assert [path.name for path in pictures] == [f'{split}_{i:04d}_{i}.png' for i in range(3)]
        image = cv2.imread(str(pictures[0]))
        assert image.shape[0] > 480 and len(set(map(tuple, image.reshape(-1, 3)))) > 3


def test_browse_dataset_of_a_stage(toy_data, call_tool, tmp_path):
    root, config, out = toy_data('toy').parent, tmp_path / 'stage1.py', tmp_path / 'pictures'
    steps = [dict(type='LoadSmearImage'), dict(type='LoadCellAnnotations'), dict(type='PackSmearInputs')]
    boxes = dict(type='SmearDetDataset', pipeline=steps)
    det = dict(train=boxes, test=boxes, evaluator=dict(type='SmearCocoMetric'), classes=('red', 'blue'))
    config.write_text(
        "default_scope = 'unihema_mm'\n"
        'model = dict(bbox_head=dict(num_classes=80))\n'
        'val_cfg, test_cfg = dict(), dict()\n'
        "stage = dict(number=1, name='boxes', trains=['encoder'], tasks=dict(det=2))\n"
        f'stage_data = dict(root={str(root)!r}, num_workers=0, det={det!r})\n'
    )
    assert call_tool('analysis_tools/browse_dataset.py', config, '--num', 3, '--out', out) == 0
    assert len(list(out.rglob('*.png')) + list(out.rglob('*.jpg'))) == 3


def test_browse_dataset_without_the_split(toy_config, call_tool, capfd):
    config = toy_config(extra='val_dataloader = val_evaluator = val_cfg = None')
    assert call_tool('analysis_tools/browse_dataset.py', config, '--split', 'val') == 2
    assert 'has no val_dataloader' in capfd.readouterr().err


def test_benchmark(toy_config, call_tool, tmp_path):
    out = tmp_path / 'benchmark.json'
    options = [
        '--iters',
        2,
        '--warmup',
        1,
        '--batch-size',
        2,
        '--size',
        48,
        64,
        '--objects',
        2,
        5,
        '--out',
        out,
    ]
    assert (
        call_tool('analysis_tools/benchmark.py', toy_config(), '--compare', *options, '--device', 'cpu') == 0
    )
    content = json.loads(out.read_text())
    assert set(content['results']) == {'train', 'predict'}
    for result in content['results'].values():
        low, high = result['ratio_quartiles']
        assert 0 < low <= result['ratio'] <= high and result['baseline_seconds'] > 0
    assert content['environment']['objects'] == [2, 5] and content['environment']['baseline'] == 'DINO'


TASKS = """
model.update(
    text_fusion=dict(type='CrossModalFusion', num_queries=4, num_heads=4),
    text_decoder=dict(type='T5TextDecoder'),
    tasks=dict(
        morph=dict(type='MorphologyTask', schema='wbcatt'),
        cls=dict(type='CellClassificationTask', num_classes=3, attributes='wbcatt'),
        vqa=dict(type='TextGenerationTask', source='questions', target='answers', num_beams=1),
    ),
)
"""


def test_benchmark_of_tasks(toy_config, call_tool, tmp_path, capfd):
    out, config = tmp_path / 'benchmark.json', toy_config(extra=TASKS)
    options = ['--iters', 1, '--warmup', 0, '--batch-size', 1, '--size', 48, 64, '--objects', 2, '--out', out]
    options += ['--texts', 3, '--new-tokens', 2, '--device', 'cpu']
    tool = 'analysis_tools/benchmark.py'
    assert call_tool(tool, config, *options, '--no-memory') == 0
    results = json.loads(out.read_text())['results']
    both = {'train', 'predict'}
    assert {key: set(rows) for key, rows in results.items()} == {
        'det': both,
        'morph': both,
        'cls': both,
        'vqa': both | {'texts'},
    }
    assert results['cls']['train']['limit'] == 1.05 and results['vqa']['texts']['limit'] == 2
    assert results['det']['train']['limit'] is None and results['det']['train']['ratio'] > 0
    assert 'vqa texts, against 1 text and 2 decodes: ratio ' in capfd.readouterr().out

    assert call_tool(tool, config, *options, '--tasks', 'cls', '--mode', 'predict') == 0
    ((key, rows),) = json.loads(out.read_text())['results'].items()
    assert key == 'cls' and set(rows) == {'predict'}
    assert rows['predict']['mib'] > 1 and rows['predict']['baseline_mib'] > 1

    assert call_tool(tool, config, *options, '--tasks', 'count') == 2
    assert "'count' is no task of this model, which has det, morph, cls, vqa" in capfd.readouterr().err


@pytest.fixture
def tools_called(monkeypatch):
    """Replace the training and test programs; they leave what the real ones leave."""
    called = []

    def run(command):
        tool, config = Path(command[1]).name, Path(command[2])
        work_dir = Path(command[command.index('--work-dir') + 1])
        called.append((tool, work_dir.name))
        (work_dir / config.name).write_text(f'{config.read_text()}\nresume = True\n')
        if tool == 'train.py':
            (work_dir / 'epoch_1.pth').touch()
            (work_dir / 'last_checkpoint').write_text('epoch_1.pth')
        else:
            score = 0.9 if 'UniHema' in config.read_text() else 0.8
            metrics = {'coco/bbox_mAP_50': score, 'coco/bbox_mAP_l': -1.0}
            (work_dir / 'test_metrics.json').write_text(json.dumps(metrics))
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, 'run', run)
    return called


def test_compare_with_dino(toy_config, call_tool, tools_called, tmp_path, capfd):
    tool, config, work_dir = 'analysis_tools/compare_with_dino.py', toy_config(), tmp_path / 'both'
    for _ in range(2):  # the second call has nothing left to do
        assert call_tool(tool, config, '--work-dir', work_dir) == 0
    assert tools_called == [
        (name, model) for model in ('uni_hema', 'dino') for name in ('train.py', 'test.py')
    ]
    assert "type='mmdet.DINO'" in (work_dir / 'dino/given/config.py').read_text()
    rows = (work_dir / 'comparison.md').read_text().splitlines()
    assert rows[2:] == ['| mAP_50 | 90.0 | 80.0 | +10.0 |', '| mAP_l | - | - | - |']
    assert json.loads((work_dir / 'comparison.json').read_text())['DINO']['coco/bbox_mAP_50'] == 0.8

    changed = ['--cfg-options', 'train_cfg.max_epochs=9']
    assert call_tool(tool, config, '--work-dir', work_dir, *changed) == 2
    assert 'differs from the config given now' in capfd.readouterr().err
