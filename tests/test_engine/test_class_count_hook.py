"""The number of classes of model and data."""

from types import SimpleNamespace

import pytest
from mmengine.runner import BaseLoop
from torch import nn

from unihema_mm.engine.hooks import ClassCountHook
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
