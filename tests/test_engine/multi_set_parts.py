"""A runner on small number data sets, for tests of loops and hooks, in one process or several."""

from types import SimpleNamespace

import torch
from mmdet.structures import DetDataSample
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import distributed as dist
from torch import nn
from torch.utils.data import Dataset

from unihema_mm.engine.hooks import SameTasksHook
from unihema_mm.utils.errors import InputError

COUNTS = dict(vqa=5, vqa_text_only=5, seg=1)  # samples; 3, 3 and 1 batches of 2


class Numbers(Dataset):
    def __init__(self, name, count):
        self.metainfo = dict(dataset=name, classes=(name,))
        self.count = count

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        sample = DetDataSample(metainfo=dict(number=index, source=self.metainfo['dataset'], tasks=('vqa',)))
        return dict(inputs=torch.full((1,), float(index)), data_samples=sample)


class Model(BaseModel):
    """Answers text-only samples with the number, others with one more."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, inputs, data_samples, mode='tensor'):
        if mode == 'loss':
            return dict(loss=self.weight.sum())
        self.autocast = torch.is_autocast_enabled('cpu')
        for sample in data_samples:
            sample.set_metainfo(dict(answer=sample.number + (sample.source != 'vqa_text_only')))
        return data_samples


class Score(BaseMetric):
    default_prefix = 'toy'

    def process(self, data_batch, data_samples):
        self.results += [(sample['source'], sample['answer']) for sample in data_samples]

    def compute_metrics(self, results):
        assert {source for source, _ in results} == {self.dataset_meta['dataset']}
        return dict(score=sum(answer for _, answer in results) / 10, samples=len(results))


class Record(Hook):
    """Notes what the hooks see."""

    def __init__(self):
        self.seen = []

    def before_test_iter(self, runner, batch_idx, data_batch=None):
        meta = runner.visualizer.dataset_meta
        self.seen.append((runner.test_loop.current, batch_idx, meta['dataset'], len(data_batch['inputs'])))

    def after_test_epoch(self, runner, metrics=None):
        self.seen.append(sorted(metrics))


def loaders(counts=COUNTS, **kinds):
    return {
        name: dict(
            batch_size=2,
            num_workers=0,
            sampler=dict(type='DefaultSampler', shuffle=False),
            dataset=kinds.get(name, Numbers)(name, count),
        )
        for name, count in counts.items()
    }


def make_runner(work_dir, split='test', metrics=Score, loop=(), **kwargs):
    """Runner whose data sets of ``split`` are :data:`COUNTS`."""
    sets = {
        f'{split}_dataloader': loaders(),
        f'{split}_evaluator': {name: [metrics()] for name in COUNTS},
        f'{split}_cfg': dict(type=f'MultiSet{split.capitalize()}Loop', **dict(loop)),
    }
    options = dict(
        model=Model(),
        default_scope='unihema_mm',
        default_hooks=dict(logger=dict(type='LoggerHook', interval=1)),
        experiment_name=f'{work_dir}',
    )
    return Runner(work_dir=str(work_dir), **{**options, **sets, **kwargs})


TASKS = dict(  # of the batches of both processes
    equal=([('det', 'seg'), ('vqa',), ('vqa',)], [('det', 'seg'), ('vqa',)]),
    default=([('det',), None], [None]),
    different=([('det',)], [('vqa',), ('mlm',)]),
    more_groups=([('det', 'vqa')], [('det', 'vqa'), ('det',)]),
    other_order=([('det',), ('inst',)], [('inst',), ('det',)]),
    empty=([('det',)], []),
)


def run_rank(rank, world_size, folder):
    """A loop over several sets and the comparison of tasks, in one of several processes."""
    dist.init_process_group('gloo', init_method=f'file://{folder}/store', rank=rank, world_size=world_size)
    try:
        runner = make_runner(folder / f'work_{rank}', loop=dict(gains=dict(vqa='vqa_text_only')))
        metrics = runner.test()
        model = nn.Module()
        model.tasks = nn.ModuleDict(dict(det=nn.Identity(), vqa=nn.Identity()))
        messages = {
            name: _message(SimpleNamespace(model=model, iter=4), tasks[rank]) for name, tasks in TASKS.items()
        }
        torch.save((metrics, len(runner.test_dataloader), messages), folder / f'{rank}.pth')
    finally:
        dist.destroy_process_group()


def _message(runner, tasks):
    samples = [DetDataSample(metainfo={} if keys is None else dict(tasks=keys)) for keys in tasks]
    try:
        SameTasksHook().before_train_iter(runner, 0, dict(data_samples=samples))
    except InputError as error:
        return str(error)
    return None
