"""tools/train.py and tools/test.py as programs."""

import json
import pickle

import pytest
import torch

from unihema_mm.utils.folder_lock import folder_lock

THREE = 'model.bbox_head.num_classes=3'


def test_train_resume_and_test(toy_config, call_tool, tmp_path, capfd):
    config = toy_config()
    assert call_tool('train.py', config, '--resume', '--cfg-options', 'train_cfg.max_epochs=1') == 0
    printed = ''.join(capfd.readouterr())
    assert 'starts from scratch' in printed and 'num_select' in printed
    work_dir = tmp_path / 'work_dirs' / 'toy_config'
    assert (work_dir / 'epoch_1.pth').is_file()
    logged = next(work_dir.glob('*/*.log')).read_text()
    assert 'Config:\n' in logged and 'Config:\n' not in printed
    assert 'Hooks will be' in logged and 'Hooks will be' not in printed

    assert call_tool('train.py', config, '--resume', '--amp') == 0
    assert 'resumed epoch: 1' in ''.join(capfd.readouterr())
    assert torch.load(work_dir / 'epoch_2.pth', weights_only=False)['meta']['epoch'] == 2

    trained = (work_dir / 'toy_config.py').read_bytes()
    out, pictures = tmp_path / 'predictions.pkl', tmp_path / 'pictures'
    assert call_tool('test.py', config, work_dir / 'epoch_2.pth', '--out', out, '--show-dir', pictures) == 0
    metrics = json.loads((work_dir / 'test_metrics.json').read_text())
    assert 0 <= metrics['coco/bbox_mAP'] <= 1 and 'coco/bbox_red_AP50' in metrics
    assert len(pickle.loads(out.read_bytes())) == 8
    assert len(list(pictures.glob('*.png'))) == 8

    assert (
        call_tool('test.py', config, work_dir / 'epoch_2.pth', '--tta', '--work-dir', tmp_path / 'tta') == 0
    )
    assert (tmp_path / 'tta' / 'test_metrics.json').is_file()
    assert call_tool('test.py', config, work_dir / 'epoch_2.pth', '--tta') == 0
    assert (work_dir / 'toy_config.py').read_bytes() == trained
    assert 'DetTTAModel' in max(work_dir.glob('*/toy_config.py')).read_text()


def test_a_second_training_in_the_folder_is_refused(toy_config, call_tool, tmp_path, capfd, monkeypatch):
    monkeypatch.setattr('unihema_mm.engine.launch._WORKERS_NOTICE', 0.0)
    config, work_dir = toy_config(), tmp_path / 'work_dirs' / 'toy_config'
    with folder_lock(work_dir):
        assert call_tool('train.py', config) == 2
    assert 'toy_config: folder: out: another run writes into it' in ''.join(capfd.readouterr())
    assert list(work_dir.iterdir()) == []


SETS = """
part = dict(loader, sampler=dict(type='DefaultSampler', shuffle=False))
part['dataset'] = dict(loader['dataset'], type='SmearDetDataset', ann_file='annotations/test.json',
                       test_mode=True)
metric = [dict(type='SmearCocoMetric', metric='bbox')]
val_dataloader = dict(_delete_=True, det=part)
val_evaluator = dict(_delete_=True, det=metric)
val_cfg = dict(_delete_=True, type='MultiSetValLoop')
test_dataloader = dict(_delete_=True, det=part, again=part)
test_evaluator = dict(_delete_=True, det=metric, again=metric)
test_cfg = dict(_delete_=True, type='MultiSetTestLoop', gains=dict(det='again'))
default_hooks['checkpoint'].update(save_best='det/bbox_mAP_50')
train_cfg.update(max_epochs=1, val_interval=1)
"""


def test_several_data_sets(toy_config, call_tool, tmp_path, capfd):
    config = toy_config(extra=SETS, objects=(2, 0, 3))
    assert call_tool('train.py', config) == 0
    work_dir = tmp_path / 'work_dirs' / 'toy_config'
    best = work_dir / 'best_det_bbox_mAP_50_epoch_1.pth'
    capfd.readouterr()
    out, pictures = tmp_path / 'found.pkl', tmp_path / 'pictures'
    assert call_tool('test.py', config, best, '--out', out, '--show-dir', pictures) == 0
    printed = capfd.readouterr().out
    assert printed.count('| data set |') == 1 and '| again    |       3 | bbox_mAP_50 ' in printed
    metrics = json.loads((work_dir / 'test_metrics.json').read_text())
    assert metrics['det/bbox_mAP'] == metrics['again/bbox_mAP'] >= 0
    assert metrics['det/image_gain_bbox_mAP'] == 0 and 'det/bbox_red_AP50' in metrics
    for name in ('det', 'again'):
        assert len(pickle.loads((tmp_path / f'found_{name}.pkl').read_bytes())) == 3
        assert len(list((pictures / name).glob('*.png'))) == 3

    assert call_tool('test.py', config, best, '--tta') == 2
    assert 'choose it among det, again with --sets' in capfd.readouterr().err
    assert call_tool('test.py', config, best, '--tta', '--sets', 'again') == 0
    assert {key.partition('/')[0] for key in json.loads((work_dir / 'test_metrics.json').read_text())} == {
        'again'
    }


@pytest.mark.parametrize(
    ('tool', 'arguments', 'message'),
    [
        ('train.py', ['absent.py'], 'absent.py: config not found'),
        ('train.py', ['CONFIG', '--resume', 'absent.pth'], 'absent.pth: checkpoint not found'),
        ('train.py', ['CONFIG', '--cfg-options', 'load_from=broken.pth'], 'broken.pth: '),
        ('train.py', ['CONFIG', '--cfg-options', 'train_dataloader.dataset.data_root=nowhere'], 'nowhere'),
        ('train.py', ['CONFIG', '--cfg-options', 'model.text_encoder.tokenizer=data/a/b'], 'data/a/b'),
        ('train.py', ['CONFIG', '--cfg-options', 'model.type=UniHemma'], 'UniHemma is not in the'),
        ('train.py', ['CONFIG', '--cfg-options', 'model.fusoin=1'], "unexpected keyword argument 'fusoin'"),
        ('train.py', ['CONFIG', '--cfg-options', 'model.content_query=x'], 'content_query must be one of'),
        ('test.py', ['CONFIG', 'absent.pth'], 'absent.pth: checkpoint not found'),
        ('test.py', ['CONFIG', 'broken.pth'], 'broken.pth: '),
        ('test.py', ['CONFIG', 'foreign.pth'], 'foreign.pth: does not fit the model, weights: '),
        ('train.py', ['CONFIG', '--cfg-options', THREE], 'train.json: 2 classes, but the model has 3; set'),
        ('test.py', ['CONFIG', 'foreign.pth', '--cfg-options', THREE], 'model.bbox_head.num_classes=2'),
    ],
)
def test_wrong_input_gives_one_line(toy_config, call_tool, tmp_path, capfd, tool, arguments, message):
    (tmp_path / 'broken.pth').write_bytes(b'PK\x03\x04 cut off')
    torch.save({'a.b': torch.zeros(1)}, tmp_path / 'foreign.pth')
    config = toy_config()
    assert call_tool(tool, *(config if part == 'CONFIG' else part for part in arguments)) == 2
    errors = [line for line in capfd.readouterr().err.splitlines() if line.startswith('error: ')]
    assert len(errors) == 1 and message in errors[0]
    assert not list(tmp_path.rglob('test_metrics.json'))


@pytest.mark.parametrize('option', ['foo', '=1', 'a=[1,(2]'])
def test_options_are_key_value(call_tool, capsys, option):
    assert call_tool('train.py', 'any.py', '--cfg-options', option) == 2
    assert 'train.py: error: argument --cfg-options: ' in capsys.readouterr().err.splitlines()[-1]


def test_missing_data_is_told_before_a_model_is_built(repo, call_tool, capsys):
    assert call_tool('train.py', repo / 'configs/uni_hema/tiny/detector.py') == 2
    assert capsys.readouterr().err == (
        'error: train data: data_root data/synthetic/ not found; make it with: '
        'python tools/prepare_data.py synthetic --out data/synthetic\n'
    )
