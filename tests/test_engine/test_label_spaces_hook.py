"""Every run writes into its checkpoints what the outputs of the model stand for."""

from uuid import uuid4

import pytest
import torch
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import Dataset

from unihema_mm.engine.hooks import LabelSpacesHook, SafeCheckpointHook
from unihema_mm.structures.attributes import AttributeSchema
from unihema_mm.utils.checkpoint import read_checkpoint
from unihema_mm.utils.errors import InputError

SIZES = {'size': ['small', 'big']}


class Fields(Dataset):
    def __init__(self, task, classes, annotated):
        self.tasks, self.metainfo, self.annotated_attributes = (task,), dict(classes=classes), annotated

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return dict(inputs=torch.full((3,), float(index)))


class Morphology(nn.Module):
    reads = ('objects',)

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(3, 2)
        self.head.schema = AttributeSchema(SIZES)


class Boxes(nn.Module):
    num_classes = 2

    def __init__(self):
        super().__init__()
        self.cls_branches = nn.ModuleList([nn.Linear(3, 2)])


class Model(BaseModel):
    def __init__(self, **tasks):
        super().__init__()
        self.bbox_head = Boxes()
        self.tasks = nn.ModuleDict(tasks or dict(det=nn.Linear(3, 1), morph=Morphology()))
        self.tasks['det'].reads = ('objects',)

    def forward(self, inputs, mode='tensor'):
        if mode == 'predict':
            return [inputs]
        return dict(loss=self.tasks['det'](inputs).mean() + self.bbox_head.cls_branches[0](inputs).mean())


class Nothing(BaseMetric):
    def process(self, data_batch, data_samples):
        pass

    def compute_metrics(self, results):
        return {}


def loader(*sets):
    return dict(
        dataset=torch.utils.data.ConcatDataset([Fields(*part) for part in sets]),
        batch_size=1,
        sampler=dict(type='DefaultSampler', shuffle=False),
        collate_fn=dict(type='default_collate'),
    )


def train(work_dir, *sets, model=None, epochs=1, validated=(), **options):
    """Train, and read the label spaces of the last checkpoint."""
    if validated:
        options.update(val_dataloader=loader(*validated), val_cfg={}, val_evaluator=Evaluator([Nothing()]))
    runner = Runner(
        model or Model(),
        str(work_dir),
        train_dataloader=loader(*sets),
        train_cfg=dict(by_epoch=True, max_epochs=epochs),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
        default_hooks=dict(logger=None, checkpoint=SafeCheckpointHook(interval=1)),
        custom_hooks=[LabelSpacesHook()],
        default_scope='mmengine',
        experiment_name=uuid4().hex,
        log_level='ERROR',
        **options,
    )
    runner.train()
    return read_checkpoint(work_dir / f'epoch_{epochs}.pth')['meta']['label_spaces']


def test_names_of_all_data_sets(tmp_path):
    names = ['RBC', 'WBC']
    found = train(tmp_path, ('morph', names, {'WBC': ['size']}), ('det', names, {'RBC': ['size']}))
    assert found == {
        'bbox_head.cls_branches': dict(classes=names),
        'tasks.morph.head': dict(attributes=SIZES, annotated={'WBC': ['size']}),
    }
    with pytest.raises(InputError, match="output 0 is class 'RBC' in the others and class 'WBC'"):
        train(tmp_path / 'other', ('morph', names, {}), ('det', names[::-1], {}))


def test_what_only_the_validation_annotates_is_not_learned(tmp_path):
    names = ['RBC', 'WBC']
    trained, validated = ('morph', names, {'WBC': ['size']}), ('morph', names, {'RBC': ['size']})
    found = train(tmp_path, trained, validated=[validated])
    assert found['tasks.morph.head']['annotated'] == {'WBC': ['size']}
    with pytest.raises(InputError, match="output 0 is class 'RBC' in the others and class 'WBC'"):
        train(tmp_path / 'other', trained, validated=[('morph', names[::-1], {})])


def test_a_run_that_goes_on_keeps_what_was_annotated(tmp_path):
    names = ['RBC', 'WBC']
    morph = train(tmp_path / 'a', ('morph', names, {'WBC': ['size']}))
    assert train(tmp_path / 'a', ('det', names, None), epochs=2, resume=True) == morph
    last = str(tmp_path / 'a' / 'epoch_2.pth')
    assert train(tmp_path / 'b', ('det', names, None), load_from=last) == morph
    fine_tuned = train(tmp_path / 'c', ('morph', names[::-1], {'RBC': ['size']}), load_from=last)
    assert fine_tuned['bbox_head.cls_branches'] == dict(classes=names[::-1])
    assert fine_tuned['tasks.morph.head']['annotated'] == {'WBC': ['size'], 'RBC': ['size']}
    boxes = train(
        tmp_path / 'd', ('det', names, None), model=Model(det=nn.Linear(3, 1)), load_from=last
    )  # without the morphology
    assert set(boxes) == {'bbox_head.cls_branches'}
