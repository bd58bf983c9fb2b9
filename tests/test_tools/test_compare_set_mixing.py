"""Ways to mix data sets: the variants of a config, and their table."""

import runpy

import pytest
from mmengine.config import Config

from unihema_mm.utils.errors import InputError


@pytest.fixture
def tool(repo):
    return runpy.run_path(str(repo / 'tools/analysis_tools/compare_set_mixing.py'))


def config(groups):
    sampler = dict(type='TaskBatchSampler', composition=dict(det=4), groups=groups)
    return Config(
        dict(model=dict(bbox_head=dict(num_classes=3)), train_dataloader=dict(batch_sampler=sampler))
    )


def test_each_way_at_each_temperature(tool):
    cfg = config(dict(det=dict(sets=('a', 'b')), more=dict(sets=('c',), temperature=0)))
    variants = tool['make_variants'](cfg, [1.0, 0.5])
    assert list(variants) == ['ignored_1', 'ignored_0.5', 'background_1', 'background_0.5']
    for name, variant in variants.items():
        treatment, temperature = name.split('_')
        assert variant.model.bbox_head.ignore_unannotated is (treatment == 'ignored')
        groups = variant.train_dataloader.batch_sampler.groups
        assert {group.temperature for group in groups.values()} == {float(temperature)}
    assert cfg.train_dataloader.batch_sampler.groups.more.temperature == 0


def test_config_without_groups(tool):
    with pytest.raises(InputError, match=r'batch_sampler\.groups: is empty'):
        tool['make_variants'](config({}), [1.0])


def test_table(tool):
    results = {
        'ignored_1': {'a/bbox_mAP_50': 0.5, 'a/bbox_mAP': 0.3, 'a/bbox_RBC_AP50': 0.25},
        'background_1': {'a/bbox_mAP_50': 0.4, 'a/bbox_mAP': 0.2, 'a/bbox_RBC_AP50': -1.0},
    }
    assert list(tool['rows'](results)) == [
        '| data, metric | ignored_1 | background_1 |',
        '|---|---|---|',
        '| a, mAP_50 | 50.0 | 40.0 |',
        '| a, RBC_AP50 | 25.0 | - |',
    ]
