"""The number of classes of model and data."""

from types import SimpleNamespace

import pytest
from mmengine.runner import BaseLoop
from torch import nn

from unihema_mm.engine.hooks import ClassCountHook
from unihema_mm.models.tasks import DetectionTask
from unihema_mm.utils.errors import InputError


class Loop(BaseLoop):
    def run(self):
        pass


def make_runner(split, classes, counts):
    model = nn.Module()
    for name, count in counts.items():
        setattr(model, name, nn.Identity())
        getattr(model, name).num_classes = count
    dataset = SimpleNamespace(metainfo=dict(classes=classes), ann_file='smears.json')
    wrapped = SimpleNamespace(metainfo=dataset.metainfo, datasets=[dataset])
    loops = dict.fromkeys(('_train_loop', '_val_loop', '_test_loop'))
    loops['_train_loop'] = dict(type='EpochBasedTrainLoop')  # not built: not part of this run
    loops[f'_{split}_loop'] = Loop(None, SimpleNamespace(dataset=wrapped))
    return SimpleNamespace(model=model, **loops)


@pytest.mark.parametrize('split', ['train', 'val', 'test'])
def test_class_count(split):
    ClassCountHook().before_run(make_runner(split, ('RBC', 'WBC'), dict(bbox_head=2, backbone=1000)))
    ClassCountHook().before_run(make_runner(split, None, dict(bbox_head=2)))
    runner = make_runner(split, ('RBC', 'WBC'), dict(bbox_head=2, mask_head=3))
    message = rf'{split} data smears.json: 2 classes, but the model has 3; set model.mask_head.num_classes=2'
    with pytest.raises(InputError, match=message):
        ClassCountHook().before_run(runner)


class Task(nn.Module):
    def __init__(self, num_classes, reads=()):
        super().__init__()
        self.num_classes = num_classes
        self.reads = reads

    def check_metainfo(self, metainfo):
        if len(metainfo['classes']) != self.num_classes:
            raise InputError(f'must have {self.num_classes} classes')


def make_task_runner(*datasets, split='val'):
    model = nn.Module()
    model.tasks = nn.ModuleDict(dict(det=DetectionTask(), cls=Task(3)))
    model.bbox_head = nn.Identity()
    model.bbox_head.num_classes = 2
    loops = dict.fromkeys(('_train_loop', '_val_loop', '_test_loop'))
    loops[f'_{split}_loop'] = Loop(None, SimpleNamespace(dataset=SimpleNamespace(datasets=datasets)))
    return SimpleNamespace(model=model, **loops)


def records(tasks, *classes, name='a.json'):
    parts = dict(tasks=tasks) if tasks else {}
    return SimpleNamespace(dataset=SimpleNamespace(metainfo=dict(classes=classes), ann_file=name, **parts))


@pytest.mark.parametrize('split', ['train', 'val', 'test'])
def test_each_data_set_is_checked_by_its_tasks(split):
    boxes, cells = records(('det',), 'RBC', 'WBC'), records(('cls',), 'A', 'B', 'C', name='cells.json')
    ClassCountHook().before_run(make_task_runner(boxes, cells, records(None, 'RBC', 'WBC'), split=split))
    for wrong, message in (
        (records(('cls',), 'A', 'B'), 'a.json: task cls: must have 3 classes'),
        (records(('det',), 'RBC'), r'a.json: 1 classes, but the model has 2; set model\.bbox_head'),
        (records(None, 'RBC'), r'a.json: 1 classes, but the model has 2'),  # meant for the first task
        (records(('cls', 'vqa'), 'A', 'B', 'C'), "a.json: tasks: 'vqa' is no task of this model, which has "),
    ):
        with pytest.raises(InputError, match=f'{split} data {message}'):
            ClassCountHook().before_run(make_task_runner(boxes, cells, wrong, split=split))
