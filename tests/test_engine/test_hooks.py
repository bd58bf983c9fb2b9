"""Hooks that guard a run: frozen parts, broken losses, detection budget."""

import json
import logging
from types import SimpleNamespace

import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.config import ConfigDict
from mmengine.dataset import BaseDataset
from mmengine.model import BaseTTAModel, MMDistributedDataParallel
from torch import distributed as dist
from torch import nn

from unihema_mm.engine.hooks import DetectionBudgetHook, StopOnNonFiniteLossHook, TrainableTableHook
from unihema_mm.engine.loops import EvaluationSet
from unihema_mm.utils.errors import InputError


def make_runner(**parts):
    return SimpleNamespace(iter=0, logger=logging.getLogger('test_hooks'), **parts)


class Parts(nn.Module):
    def __init__(self):
        super().__init__()
        self.text = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)).requires_grad_(False).eval()
        self.head = nn.Linear(3, 1)


@pytest.fixture
def training(tmp_path):
    """Callable (model, optimized parameters) -> runner, with ``tmp_path`` as work folder."""

    def make(model, parameters=None):
        optimizer = torch.optim.SGD(parameters or model.head.parameters(), lr=0.1)
        return make_runner(model=model, optim_wrapper=optimizer, work_dir=str(tmp_path))

    return make


def test_trainable_table(training, tmp_path, caplog):
    runner = training(Parts())
    with caplog.at_level(logging.INFO):
        TrainableTableHook().before_train(runner)
    rows = [
        [cell.strip() for cell in line.split('|')[1:-1]] for line in caplog.text.splitlines() if '|' in line
    ]
    assert rows == [
        ['module', 'trained', 'frozen'],
        ['text', '0', '15'],
        ['head', '4', '0'],
        ['total', '4', '15'],
    ]
    counts = json.loads((tmp_path / 'trained_parameters.json').read_text())
    assert counts == dict(text=dict(trained=0, frozen=15), head=dict(trained=4, frozen=0))


def _train_the_frozen(model):
    model.text[0].weight.data += 1


def _move_the_statistics(model):
    model.text[1].train()(torch.randn(4, 3))


def _give_it_a_gradient(model):
    model.text[0].weight.grad = torch.zeros(3, 2)


@pytest.mark.parametrize(
    ('fault', 'message'),
    [
        (_train_the_frozen, r'changed in the first step: text\.0\.weight'),
        (_move_the_statistics, r'changed in the first step: text\.1\.running_mean'),
        (_give_it_a_gradient, r'have a gradient: text\.0\.weight'),
    ],
)
def test_frozen_parts_must_stay(training, fault, message):
    model, hook = Parts(), TrainableTableHook()
    runner = training(model)
    hook.before_train(runner)
    hook.after_train_iter(runner, 0)
    hook.before_train(runner)
    fault(model)
    with pytest.raises(RuntimeError, match=message):
        hook.after_train_iter(runner, 0)
    hook.after_train_iter(runner, 1)  # checked once only


def test_frozen_parameter_in_the_optimizer(training):
    model = Parts()
    with pytest.raises(RuntimeError, match=r'in the optimizer: text\.0\.weight, text\.0\.bias'):
        TrainableTableHook().before_train(training(model, model.parameters()))


@pytest.mark.parametrize('value', [float('nan'), float('inf')])
def test_stop_on_non_finite_loss(value):
    sample = DetDataSample(metainfo=dict(img_path='smears/17.png'))
    batch = dict(data_samples=[sample, DetDataSample()])
    hook, runner = StopOnNonFiniteLossHook(), make_runner()
    hook.after_train_iter(runner, 0, batch, dict(loss=torch.tensor(1.0), loss_cls=torch.tensor(1.0)))
    with pytest.raises(InputError, match=r'iteration 1: loss, loss_iou not finite; .*smears/17\.png'):
        hook.after_train_iter(
            runner,
            0,
            batch,
            dict(loss=torch.tensor(value), loss_iou=torch.tensor(value), loss_cls=torch.tensor(1.0)),
        )


class Records(BaseDataset):
    METAINFO = dict(classes=('RBC', 'WBC'))

    def __init__(self, counts):
        self.counts = counts
        super().__init__()

    def load_data_list(self):
        box = dict(bbox=[0, 0, 1, 1], bbox_label=0, ignore_flag=0)
        return [
            dict(img_id=i, height=9, width=9, instances=[box] * count) for i, count in enumerate(self.counts)
        ]


class Detector(nn.Module):
    def __init__(self, num_queries=900, max_per_img=100):
        super().__init__()
        self.num_queries = num_queries
        self.bbox_head = nn.Linear(1, 1)
        self.bbox_head.num_classes = 2
        self.bbox_head.test_cfg = ConfigDict(max_per_img=max_per_img)

    def test_step(self, data):
        return data


class Metric:
    max_dets, dataset = None, None

    def set_dataset(self, dataset):
        self.dataset = dataset


class Tta(BaseTTAModel):
    tta_cfg = None

    def merge_preds(self, data_samples_list):
        return data_samples_list


def evaluating(model, counts):
    return make_runner(model=model, val_loop=loop_over(counts, [Metric()]))


def loop_over(counts, metrics):
    return SimpleNamespace(
        dataloader=SimpleNamespace(dataset=Records(counts)), evaluator=SimpleNamespace(metrics=metrics)
    )


@pytest.mark.parametrize(
    ('counts', 'detector', 'selected', 'budget'),
    [
        ([3, 0], dict(), 100, 100),  # sparse data keep COCO's 100
        ([3, 180], dict(), 300, 300),  # 1.5 * 180 = 270, rounded up
        ([180], dict(max_per_img=500), 500, 300),  # never below the config
        ([400], dict(num_queries=200), 400, 600),  # never above the number of scores
    ],
)
def test_detection_budget(counts, detector, selected, budget):
    model = Detector(**detector)
    runner = evaluating(model, counts)
    DetectionBudgetHook().before_val(runner)
    metric = runner.val_loop.evaluator.metrics[0]
    assert model.bbox_head.test_cfg.max_per_img == selected and metric.max_dets == budget
    assert metric.dataset is runner.val_loop.dataloader.dataset


def test_detection_budget_of_each_set(caplog):
    parts = dict(sparse=([3], [Metric()]), dense=([180, 2], [Metric()]), cells=([0], [object()]))
    loop = SimpleNamespace(sets={}, current=None)
    for name, content in parts.items():
        part = loop_over(*content)
        loop.sets[name] = EvaluationSet(name, part.dataloader, part.evaluator)
    model = Detector(max_per_img=50)
    hook, runner = DetectionBudgetHook(), make_runner(model=model, val_loop=loop)
    with caplog.at_level(logging.INFO):
        hook.before_val(runner)
    metrics = {name: part.evaluator.metrics[0] for name, part in loop.sets.items()}
    assert (metrics['sparse'].max_dets, metrics['dense'].max_dets) == (100, 300)
    assert all(metrics[name].dataset is loop.sets[name].dataset for name in ('sparse', 'dense'))
    assert 'val dense: at most 180 objects' in caplog.text and 'val cells' not in caplog.text
    for loop.current, selected in (('dense', 300), ('sparse', 100), ('cells', 50)):
        hook.before_val_iter(runner, 0)
        assert model.bbox_head.test_cfg.max_per_img == selected


def test_objects_in_training_sets_without_common_classes(caplog):
    sets = SimpleNamespace(datasets=[Records([3]), Records([200])], names=('a', 'b'))
    runner = make_runner(model=Detector(num_queries=150), train_dataloader=SimpleNamespace(dataset=sets))
    DetectionBudgetHook().before_train(runner)
    assert 'train: an image holds 200 objects, the model has 150 queries' in caplog.text


def test_detection_budget_keeps_a_configured_max_dets(caplog):
    runner = evaluating(Detector(), [180])
    runner.val_loop.evaluator.metrics[0].max_dets = 500
    with caplog.at_level(logging.INFO):
        DetectionBudgetHook().before_val(runner)
    assert runner.val_loop.evaluator.metrics[0].max_dets == 500 and 'maxDets 500' in caplog.text


def test_detection_budget_warns_of_too_few_queries(caplog):
    hook, runner = DetectionBudgetHook(), evaluating(Detector(num_queries=150), [180])
    for _ in range(2):
        hook.before_val(runner)
    assert caplog.text.count('holds 180 objects, the model has 150 queries') == 1


def test_detection_budget_inside_wrappers(tmp_path):
    dist.init_process_group('gloo', init_method=f'file://{tmp_path}/store', rank=0, world_size=1)
    try:
        wrapped = MMDistributedDataParallel(Detector(), device_ids=None)
        DetectionBudgetHook().before_val(evaluating(wrapped, [180]))
        assert wrapped.module.bbox_head.test_cfg.max_per_img == 300
    finally:
        dist.destroy_process_group()
    tta = Tta(Detector())
    tta.tta_cfg = ConfigDict(max_per_img=100)
    DetectionBudgetHook().before_val(evaluating(tta, [180]))
    assert tta.tta_cfg.max_per_img == tta.module.bbox_head.test_cfg.max_per_img == 300
