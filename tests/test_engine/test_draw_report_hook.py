"""The table of what an epoch has drawn."""

import logging
from types import SimpleNamespace

import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.runner import Runner
from mmengine.structures import InstanceData

from unihema_mm.datasets.smear import MultiSetDataset
from unihema_mm.datasets.synthetic.corpus import generate_corpus
from unihema_mm.engine.hooks import DrawReportHook, draw_report_hook


def field(*labels, dataset='bccd', tasks=('det',)):
    sample = DetDataSample(metainfo=dict(dataset=dataset, tasks=tasks))
    sample.gt_instances = InstanceData(labels=torch.tensor(labels, dtype=torch.long))
    return sample


def cell(label):
    sample = DetDataSample(metainfo=dict(dataset='wbcatt', tasks=('cls', 'vqa')))
    sample.gt_label = torch.tensor([label])
    return sample


def leaf(name, tasks, classes, labels=None):
    part = SimpleNamespace(dataset_name=name, tasks=tasks, metainfo=dict(classes=classes))
    if labels is not None:
        part.cat2label = dict(enumerate(labels, 1))
    return part


CLASSES = ('RBC', 'WBC', 'platelet', 'ring')


def report(caplog, batches, *leaves, hook=None):
    """Rows of the table of one epoch; the first line before it."""
    dataset = SimpleNamespace(datasets=leaves)
    runner = SimpleNamespace(
        iter=len(batches),
        logger=logging.getLogger('test_draw_report'),
        train_dataloader=SimpleNamespace(dataset=dataset),
    )
    hook = hook or DrawReportHook()
    hook.before_train_epoch(runner)
    for number, samples in enumerate(batches):
        hook.after_train_iter(runner, number, dict(inputs=None, data_samples=samples))
    caplog.clear()
    with caplog.at_level(logging.INFO):
        hook.after_train_epoch(runner)
    (record,) = caplog.records
    title, *lines = record.message.splitlines()
    return title, [[cell.strip() for cell in line.split('|')[1:-1]] for line in lines if '|' in line]


def test_table(caplog):
    batches = [[field(0, 0, 1), cell(1)], [field(), field(0)], [cell(1), field(3, dataset='txl')]]
    leaves = (
        leaf('bccd', ('det',), CLASSES, labels=(0, 1, 2)),
        leaf('txl', ('det',), CLASSES, labels=(3,)),
        leaf('wbcatt', ('cls', 'vqa'), CLASSES[:2]),
    )
    title, rows = report(caplog, batches, *leaves)
    assert title == 'Drawn in 3 steps up to iteration 3, by all processes together'
    assert rows == [
        ['set', 'tasks', 'class', 'images', 'objects'],
        ['bccd', 'det', '', '3', '4'],
        ['', '', 'RBC', '2', '3'],
        ['', '', 'WBC', '1', '1'],
        ['', '', 'platelet', '0', '0'],
        ['txl', 'det', '', '1', '1'],
        ['', '', 'ring', '1', '1'],
        ['wbcatt', 'cls+vqa', '', '2', '0'],
        ['', '', 'RBC', '0', '0'],
        ['', '', 'WBC', '2', '0'],
    ]


def test_each_epoch_begins_anew(caplog):
    hook, part = DrawReportHook(), leaf('bccd', ('det',), CLASSES, labels=(0,))
    first = report(caplog, [[field(0)]] * 2, part, hook=hook)
    assert report(caplog, [[field(0)]] * 2, part, hook=hook) == first
    assert first[1][1:] == [['bccd', 'det', '', '2', '2'], ['', '', 'RBC', '2', '2']]
    assert report(caplog, [], part, hook=hook)[1][1:] == [
        ['bccd', 'det', '', '0', '0'],
        ['', '', 'RBC', '0', '0'],
    ]


def test_processes_together(caplog, monkeypatch):
    monkeypatch.setattr(draw_report_hook, 'all_gather_object', lambda counts: [counts] * 3)
    _, rows = report(caplog, [[field(1), field(1)]], leaf('bccd', ('det',), CLASSES, labels=(1,)))
    assert rows[1:] == [['bccd', 'det', '', '6', '6'], ['', '', 'WBC', '6', '6']]


@pytest.mark.parametrize('classes', [(), ('RBC', 'WBC')])
def test_samples_of_other_datasets(caplog, classes):
    """mmdet's data sets name neither themselves nor tasks."""
    sample = DetDataSample()
    sample.gt_instances = InstanceData(labels=torch.tensor([1]))
    _, rows = report(
        caplog,
        [[sample]],
        SimpleNamespace(metainfo=dict(classes=classes), cat2label={7: 1} if classes else {}),
    )
    assert rows[1:] == [['(unnamed)', '', '', '1', '1'], ['', '', 'WBC' if classes else '1', '1', '1']]


def test_sets_of_one_name_with_other_classes(caplog):
    leaves = leaf('bccd', ('det',), ('RBC',)), leaf('bccd', ('det',), ('WBC',))
    assert report(caplog, [[field(0)]], *leaves)[1][2] == ['', '', 'RBC or WBC', '1', '1']


def test_batch_without_samples(caplog):
    assert report(caplog, [None, []], SimpleNamespace())[1] == [
        ['set', 'tasks', 'class', 'images', 'objects']
    ]


def test_counts_of_a_real_loader(tmp_path, caplog):
    """Sets and samples name themselves alike."""
    generate_corpus(tmp_path, num=2, cells=4, progress=False)
    data = dict(data_root=str(tmp_path), ann_file='annotations/train.json')
    load, pack = dict(type='unihema_mm.LoadSmearImage'), dict(type='unihema_mm.PackSmearInputs')
    boxes = dict(type='unihema_mm.LoadCellAnnotations', with_bbox=True)
    dataset = MultiSetDataset(
        dict(
            det=dict(data, type='SmearDetDataset', tasks=('det', 'morph'), pipeline=[load, boxes, pack]),
            cls=dict(data, type='SmearCellDataset', pipeline=[load, pack]),
        )
    )
    loader = dict(
        dataset=dataset,
        num_workers=0,
        batch_size=2,
        sampler=dict(type='DefaultSampler'),
        collate_fn=dict(type='pseudo_collate'),
        batch_sampler=dict(type='unihema_mm.TaskBatchSampler', composition=dict(det=1, cls=1)),
    )
    batches = [batch['data_samples'] for batch in Runner.build_dataloader(loader, seed=0)]
    _, rows = report(caplog, batches, *dataset.datasets)
    names = [row[1] for row in rows if row[0]]
    assert names == ['tasks', 'cls', 'det+morph']
    of_sets = {row[1]: row for row in rows[1:] if row[0]}
    objects = sum(len(sample.gt_instances) for batch in batches for sample in batch if 'det' in sample.tasks)
    assert objects > 0 and of_sets['det+morph'][3:] == [str(len(batches)), str(objects)]
    assert of_sets['cls'][3:] == [str(len(batches)), '0']
    assert len(rows) == 3 + sum(len(part.metainfo['classes']) for part in dataset.datasets)
    assert all(not row[2].isdigit() for row in rows)
