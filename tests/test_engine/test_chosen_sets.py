"""Choosing one data set among those of a config."""

import pytest
from mmengine.config import Config
from mmengine.registry import DefaultScope

from unihema_mm.engine.chosen_sets import choose_set
from unihema_mm.utils.errors import InputError

CELLS = dict(type='SmearCellDataset', ann_file='cells.json')
FIELDS = dict(type='SmearDetDataset', ann_file='fields.json')


@pytest.fixture(autouse=True)
def scope():
    with DefaultScope.overwrite_default_scope('unihema_mm'):
        yield


def single(dataset):
    return Config(dict(train_dataloader=dict(batch_size=2, dataset=dataset)))


def named(**datasets):
    return single(dict(type='MultiSetDataset', datasets=datasets))


def test_single_set_inside_wrappers():
    more = dict(CELLS, ann_file='more.json')
    both = dict(type='ConcatDataset', datasets=[CELLS, dict(type='RepeatDataset', times=3, dataset=more)])
    part = choose_set(single(dict(type='mmdet.ClassBalancedDataset', dataset=both)), 'train', 'cls')
    assert part.name is None and part.loader == dict(batch_size=2)
    assert part.datasets == [CELLS, more]


def test_several_sets():
    cfg = named(det=FIELDS, absent=None, cells=dict(type='RepeatDataset', times=2, dataset=CELLS))
    assert choose_set(cfg, 'train', 'cls')[:2] == ('cells', [CELLS])
    assert choose_set(cfg, 'train', 'cls', 'det').datasets == [FIELDS]
    named_loaders = Config(
        dict(test_dataloader=dict(a=dict(batch_size=3, dataset=FIELDS), b=dict(dataset=CELLS)))
    )
    assert choose_set(named_loaders, 'test', 'det') == ('a', [FIELDS], dict(batch_size=3))
    assert choose_set(named_loaders, 'test', 'cls') == ('b', [CELLS], {})


def test_named_sets_inside_one_loader_of_several():
    sets = dict(type='MultiSetDataset', datasets=dict(one=CELLS, none=None, two=dict(CELLS, folder='x')))
    cfg = Config(dict(test_dataloader=dict(a=dict(dataset=sets), b=dict(dataset=FIELDS))))
    assert choose_set(cfg, 'test', 'cls') == ('a', [CELLS, dict(CELLS, folder='x')], {})


@pytest.mark.parametrize(
    ('cfg', 'name', 'message'),
    [
        (named(det=FIELDS), None, "train_dataloader: has no data set of the task 'cls'; add one"),
        (Config(dict(train_dataloader=None)), None, "has no data set of the task 'cls'"),
        (named(a=CELLS, b=CELLS), None, r"task 'cls' \(a, b\); choose one with --train-set"),
        (named(a=CELLS), 'c', '--train-set c: .* has no such data set; use one of a'),
        (named(a=CELLS, absent=None), 'absent', 'use one of a'),
        (single(CELLS), 'cls', '--train-set cls: .* its data set has no name, leave it out'),
    ],
)
def test_no_such_set(cfg, name, message):
    with pytest.raises(InputError, match=message):
        choose_set(cfg, 'train', 'cls', name)
