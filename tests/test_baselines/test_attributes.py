"""Attributes as the tasks of a multi-task head."""

import numpy as np
import torch
from mmpretrain.datasets.transforms import PackMultiTaskInputs

from unihema_mm.baselines import AttributesAsTasks, TaskAttributeMetric
from unihema_mm.evaluation.metrics import CellAttributeMetric

SCHEMA = {'size': ('small', 'big'), 'granules': ('none', 'fine', 'coarse')}


def test_annotated_attributes_become_tasks():
    record = AttributesAsTasks(SCHEMA)({'gt_label': 4, 'gt_attributes': [-1, 2]})
    assert record['gt_label'] == {'granules': 2}


def test_metric_equals_that_of_the_attributes():
    pack = PackMultiTaskInputs(multi_task_fields=['gt_label'])
    tasks, plain = TaskAttributeMetric(), CellAttributeMetric()
    tasks.dataset_meta = plain.dataset_meta = {'attributes': SCHEMA}
    for truth, predicted in (([0, 2], [0, 1]), ([1, -1], [0, 0]), ([-1, 1], [1, 1])):
        record = {'img': np.zeros((4, 4, 3), np.uint8), 'gt_attributes': truth}
        sample = pack(AttributesAsTasks(SCHEMA)(record))['data_samples'].to_dict()
        for name, label in zip(SCHEMA, predicted, strict=True):
            sample.setdefault(name, {})['pred_label'] = torch.tensor([label])
        tasks.process(None, [sample])
        plain.process(
            None, [{'gt_attributes': torch.tensor(truth), 'pred_attributes': torch.tensor(predicted)}]
        )
    found = tasks.evaluate(3)
    assert found == plain.evaluate(3) and found['cell_attributes/size_accuracy'] == 0.5
