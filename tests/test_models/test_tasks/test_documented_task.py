"""The examples of docs/explanation/tasks.md."""

import re
import sys

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

from unihema_mm.registry import METRICS, MODELS


@pytest.fixture
def examples(repo, tmp_path, monkeypatch):
    """The files that the page describes, written to a folder: a module and two configs."""
    page = (repo / 'docs/explanation/tasks.md').read_text(encoding='utf-8')
    blocks = re.findall(r'```python\n(.*?)```', page, re.DOTALL)
    base = repr(str(repo / 'configs/uni_hema/tiny/all_tasks.py'))
    for name, block in zip(('cell_count', 'count', 'fewer'), blocks, strict=True):
        (tmp_path / f'{name}.py').write_text(block.replace("'./all_tasks.py'", base), encoding='utf-8')
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop('cell_count', None)
    MODELS.module_dict.pop('CellCountTask', None)
    METRICS.module_dict.pop('CellCountMetric', None)


def test_a_task_of_your_own(examples, build_all_tasks, make_mixed):
    cfg = Config.fromfile(examples / 'count.py')
    loaders = cfg.val_dataloader.det, cfg.test_dataloader.det
    for dataset in (cfg.train_dataloader.dataset.datasets.fields, *(loader.dataset for loader in loaders)):
        assert dataset.type == 'SmearDetDataset'
        assert dataset.tasks == ('det', 'morph', 'inst', 'count')
    assert len(cfg.val_evaluator.det) == len(cfg.test_evaluator.det) == 3

    model = build_all_tasks(tasks=dict(count=cfg.model.tasks.count))
    for objects in (3, 0):
        entries = [(('det', 'count'), (64, 96), objects), (('cls',), (48, 48))]
        losses = model.train().loss(*make_mixed(model, entries))
        gradients = torch.autograd.grad(losses['count.loss_count'], model.tasks['count'].fc.parameters())
        assert all(part.any() for part in gradients)

    with torch.no_grad():
        model.tasks['count'].fc.weight.zero_()
        model.tasks['count'].fc.bias.fill_(torch.tensor(2.0).log1p())
        entries = [(('det', 'count'), (64, 96), 4), (('count',), (48, 64), 2), (('cls',), (48, 48))]
        inputs, samples = make_mixed(model.eval(), entries, training=False)
        predicted = model.predict(inputs, samples)
    metric = METRICS.build(cfg.test_evaluator.det[-1])
    metric.process(None, [sample.to_dict() for sample in predicted[:2]])
    assert metric.evaluate(2)['count/relative_error'] == pytest.approx((2 / 4 + 0) / 2, abs=1e-5)


def test_fewer_tasks(examples, all_tasks_cfg):
    cfg = Config.fromfile(examples / 'fewer.py')
    train = cfg.train_dataloader
    sets = {name for name, dataset in train.dataset.datasets.items() if dataset is not None}
    steps = train.batch_sampler.composition
    assert sets == {name for step in steps for name in step}
    assert train.batch_size == max(sum(step.values()) for step in steps)
    names = {'seg', 'cls'}
    assert set(cfg.val_dataloader) == set(cfg.val_evaluator) == names
    assert set(cfg.test_dataloader) == set(cfg.test_evaluator) == names
    assert not cfg.test_cfg.gains

    init_default_scope('unihema_mm')
    cfg.model.text_encoder.tokenizer = all_tasks_cfg.text_encoder.tokenizer
    model = MODELS.build(cfg.model)
    assert set(model.tasks) == names
    assert model.text_fusion is None and model.text_decoder is None
