"""One UniHema beside models of mmseg and mmpretrain."""

import json
import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

from unihema_mm.structures.attributes import AttributeSchema

TOOL = 'analysis_tools/compare_single_task.py'
CLASSES = ('neutrophil', 'eosinophil', 'basophil', 'lymphocyte', 'monocyte')
MASKS = ('white blood cell', 'nucleus')
TEXTS = [f'This image is for the detection of {name} cells' for name in MASKS]
SETS = {'segmentation_wbc': (40, 40), 'bccd_nuclei': (48, 64), 'pbc_wbcatt': (60, 56)}  # height, width


@pytest.fixture
def cells(tmp_path, tiny_tokenizer):
    """The three data sets in miniature where the configs look for them, below the working folder."""
    schema = AttributeSchema.build('wbcatt')
    for name, shape in SETS.items():
        root = tmp_path / 'data' / name
        (root / 'annotations').mkdir(parents=True)
        shutil.copytree(tiny_tokenizer, root / 'tokenizer')
        images = []
        for number in range(2):
            canvas, masks = np.full((*shape, 3), 200, np.uint8), []
            for radius, colour in ((12, (150, 90, 120)), (6, (120, 20, 60))):
                mask = np.zeros(shape, np.uint8)
                cv2.circle(mask, (20 + number, 20), radius, 255, -1)
                canvas[mask > 0] = colour
                cv2.imwrite(str(root / f'{number}_{radius}.png'), mask)
                masks.append(dict(prompt=MASKS[len(masks)], file=f'{number}_{radius}.png'))
            cv2.imwrite(str(root / f'{number}.png'), canvas)
            image = dict(id=number, file_name=f'{number}.png', height=shape[0], width=shape[1])
            if name == 'pbc_wbcatt':
                values = {key: options[number] for key, options in schema.attributes.items()}
                image.update(tasks=['cls'], class_name=CLASSES[number], attributes=values)
            else:
                image.update(tasks=['seg'], masks=masks)
            images.append(image)
        info = dict(schema_version='1.0', dataset=name, licence='none')
        if name == 'pbc_wbcatt':
            info['attributes'] = schema.attributes
        categories = [dict(id=number, name=label) for number, label in enumerate(CLASSES, 1)]
        for split in ('train', 'val', 'test'):
            document = dict(
                info={**info, 'split': split}, images=images, annotations=[], categories=categories
            )
            (root / 'annotations' / f'{split}.json').write_text(json.dumps(document))


@pytest.mark.parametrize(
    ('config', 'steps', 'expected'),
    [
        ('baselines/real_cells/deeplab_crops', 1, {'crops/dice', *(f'crops/dice_{text}' for text in TEXTS)}),
        ('baselines/real_cells/resnet_attributes', 2, {'cells/attributes/macro_f1'}),
        (
            'uni_hema/tiny/real_cells',
            2,
            {'crops/dice', f'fields/dice_{TEXTS[1]}', 'cells/class/accuracy', 'cells/attributes/macro_f1'},
        ),
    ],
)
def test_models_train_and_give_the_same_metrics(repo, cells, call_tool, tmp_path, config, steps, expected):
    path = repo / f'configs/{config}.py'
    options = [
        'train_cfg.max_epochs=1',
        f'train_dataloader.batch_sampler.steps={steps}',
        'train_dataloader.num_workers=0',
        'train_dataloader.persistent_workers=False',
        'val_cfg=None',
        'val_dataloader=None',
        'val_evaluator=None',
    ]
    assert call_tool('train.py', path, '--work-dir', tmp_path / 'run', '--cfg-options', *options) == 0
    assert call_tool('test.py', path, tmp_path / 'run/epoch_1.pth', '--work-dir', tmp_path / 'run') == 0
    metrics = json.loads((tmp_path / 'run/test_metrics.json').read_text())
    assert expected <= metrics.keys()
    assert all(0 <= value <= 1 for value in metrics.values())


@pytest.fixture
def programs(monkeypatch):
    """Replace the training and test programs; they leave what the real ones leave."""
    called = []

    def run(command):
        tool, config = Path(command[1]).name, Path(command[2])
        folder = Path(command[command.index('--work-dir') + 1])
        called.append((tool, folder.name))
        (folder / config.name).write_text('resume = True\n')
        if tool == 'train.py':
            (folder / 'epoch_1.pth').touch()
            (folder / 'last_checkpoint').write_text('epoch_1.pth')
        elif folder.name == 'real_cells':
            metrics = {f'crops/dice_{TEXTS[1]}': 0.9, 'cells/class/accuracy': 0.75, 'fields/dice': 0.5}
            (folder / 'test_metrics.json').write_text(json.dumps(metrics))
        else:
            key = 'cells/class/accuracy' if 'resnet' in folder.name else f'crops/dice_{TEXTS[1]}'
            (folder / 'test_metrics.json').write_text(json.dumps({key: 0.8}))
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, 'run', run)
    return called


def test_table(cells, call_tool, programs, tmp_path):
    options = ['--work-dir', 'both', '--rounds', 1, '--epochs', 3]
    assert call_tool(TOOL, *options, '--only', 'resnet_classes') == 0
    assert programs == [('train.py', 'resnet_classes'), ('test.py', 'resnet_classes')]
    table = tmp_path / 'both/comparison.md'
    assert '| cells/class/accuracy | - | 80.0 | - | resnet_classes |' in table.read_text()

    for _ in range(2):  # the second call has nothing left to do
        assert call_tool(TOOL, *options) == 0
    assert [name for tool, name in programs if tool == 'train.py'] == [
        'resnet_classes',
        'real_cells',
        'deeplab_crops',
        'deeplab_fields',
        'resnet_attributes',
    ]
    rows = table.read_text().splitlines()
    assert '| crops/dice_nucleus | 90.0 | 80.0 | +10.0 | deeplab_crops |' in rows
    assert '| cells/class/accuracy | 75.0 | 80.0 | -5.0 | resnet_classes |' in rows
    assert any(row.startswith('| real_cells | 5.') and 'crops 24, cells 48, fields 12' in row for row in rows)
    for name, size, seen in (
        ('deeplab_fields', '4.68', 'fields 12'),
        ('resnet_attributes', '4.38', 'cells 48'),
    ):
        assert any(row.startswith(f'| {name} | {size} M | {seen} |') for row in rows)
    cost = json.loads((tmp_path / 'both/comparison.json').read_text())['real_cells']['cost']
    assert cost.keys() == {
        f'{part}_{unit}' for part in ('train', 'test') for unit in ('cpu_seconds', 'seconds')
    }


def test_unequal_budget(cells, call_tool, programs, tmp_path, repo, capfd):
    unequal = tmp_path / 'unequal.py'
    unequal.write_text(
        f'_base_ = {str(repo / "configs/baselines/real_cells/deeplab_crops.py")!r}\n'
        'train_dataloader = dict(batch_size=4, batch_sampler=dict(composition=[dict(crops=4)]))\n'
    )
    assert call_tool(TOOL, '--baselines', unequal, '--rounds', 1, '--epochs', 1) == 2
    assert 'unequal: draws 4 samples of crops, the UniHema 8' in capfd.readouterr().err
    assert not programs


def test_unknown_model(cells, call_tool, programs, capfd):
    assert call_tool(TOOL, '--only', 'deeplab') == 2
    assert '--only deeplab: no such model; use some of real_cells, deeplab_crops' in capfd.readouterr().err
