"""Data folders of a config."""

import pytest
from mmengine.config import Config

from unihema_mm.engine.data_paths import check_data_paths
from unihema_mm.engine.launch import load_config
from unihema_mm.utils.errors import InputError

CONFIG = """
data_root = 'data/old/'
inner = dict(type='A', data_root=data_root, ann_file='a.json')
train_dataloader = dict(dataset=dict(type='ConcatDataset', datasets=[inner, dict(data_root='data/older/')]))
val_evaluator = [dict(ann_file=data_root + 'val.json')]
model = dict(text_encoder=dict(tokenizer='data/old/tokenizer'))
"""


def test_data_root_moves_everything_below_it(tmp_path):
    path = tmp_path / 'config.py'
    path.write_text(CONFIG)
    cfg = load_config(str(path), {'data_root': 'mine'})
    assert [part.data_root for part in cfg.train_dataloader.dataset.datasets] == ['mine/', 'data/older/']
    assert (cfg.data_root, cfg.val_evaluator[0].ann_file) == ('mine', 'mine/val.json')
    assert cfg.model.text_encoder.tokenizer == 'mine/tokenizer'
    cfg = load_config(str(path), {'data_root': 'mine/', 'model.text_encoder.tokenizer': 'data/old/tokenizer'})
    assert cfg.model.text_encoder.tokenizer == 'data/old/tokenizer'

    path.write_text(CONFIG.replace("data_root = 'data/old/'", "data_root = 'data/other/'")
                    .replace('data_root=data_root', "data_root='data/old/'"))  # fmt: skip
    with pytest.raises(InputError, match=r'is data/other, but the data sets are in data/old, data/older'):
        load_config(str(path), {'data_root': 'mine'})
    path.write_text(f"{CONFIG}stage_data = dict(root='data')")
    with pytest.raises(InputError, match=r'give --cfg-options stage_data\.root=FOLDER'):
        load_config(str(path), {'data_root': 'mine'})
    path.write_text('model = dict()')
    with pytest.raises(InputError, match=r'config\.py: has no data_root to replace'):
        load_config(str(path), {'data_root': 'mine'})


def test_missing_data(tmp_path):
    (tmp_path / 'a.json').touch()
    part = dict(data_root=str(tmp_path), ann_file='a.json')
    dataset = dict(type='RepeatDataset', dataset=dict(type='ConcatDataset', datasets=[part]))
    cfg = Config(dict(train_dataloader=dict(dataset=dataset), val_dataloader=None))
    check_data_paths(cfg, ['train', 'val'])
    wrapped = cfg.train_dataloader.dataset.dataset.datasets[0]
    wrapped.ann_file = 'b.json'
    with pytest.raises(InputError, match=r'train data: ann_file .*b\.json not found; correct it'):
        check_data_paths(cfg, ['train'])
    check_data_paths(cfg, ['val'])
    wrapped.data_root = 's3://bucket'
    check_data_paths(cfg, ['train'])
    wrapped.data_root = 'data/synthetic/'
    with pytest.raises(InputError, match=r'prepare_data\.py synthetic --out data/synthetic'):
        check_data_paths(cfg, ['train'])


def test_missing_data_of_a_named_set(tmp_path):
    (tmp_path / 'a.json').touch()
    named = {
        name: dict(batch_size=1, dataset=dict(data_root=str(tmp_path), ann_file=f'{name}.json'))
        for name in ('a', 'b')
    }
    with pytest.raises(InputError, match=r'test data b: ann_file .*b\.json not found'):
        check_data_paths(Config(dict(test_dataloader=named)), ['test'])
