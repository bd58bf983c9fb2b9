"""What the baselines of the benchmark run, and what they leave out."""

import copy

import pytest
import torch
from mmengine.config import Config
from torch import nn

from unihema_mm.engine.benchmark import build_model
from unihema_mm.engine.benchmark_tasks import Setting, jobs, rows

CPU = torch.device('cpu')


@pytest.fixture
def setting(repo, tiny_tokenizer):
    bases = repo / 'configs/_base_'
    cfg = Config.fromfile(bases / 'models/uni_hema_tiny_all_tasks.py')
    cfg.merge_from_dict(dict(Config.fromfile(bases / 'schedules/schedule_tiny.py')))
    cfg.model.text_encoder.tokenizer = str(tiny_tokenizer)
    cfg.model.num_queries = cfg.model.test_cfg.max_per_img = 20
    cfg.model.tasks.inst.loss_points.num_points = 64
    return Setting(cfg, (64, 64), (2, 1), texts=4, new_tokens=3, device='cpu')


@pytest.fixture
def model(setting):
    torch.manual_seed(0)
    return build_model(setting.cfg, CPU)


@pytest.fixture
def row(setting, model):
    """Callable (task, mode) -> row."""
    found = {(row.task, row.mode): row for row in rows(setting, model, ('train', 'predict'))}
    return lambda task, mode: found[task, mode]


def count_calls(model, *names):
    calls = []
    for name in names:
        model.get_submodule(name).register_forward_hook(lambda *_, name=name: calls.append(name))
    return calls


@pytest.mark.parametrize('task', ['det', 'morph', 'inst', 'seg', 'cls', 'vqa', 'mlm'])
def test_every_task_trains_and_predicts(setting, model, row, task):
    for mode in ('train', 'predict'):
        before = copy.deepcopy(model.state_dict())
        job, _ = jobs(setting, model, row(task, mode))
        job()
        moved = any(not torch.equal(value, before[name]) for name, value in model.state_dict().items())
        assert moved == (mode == 'train') == model.training


def test_direct_baseline_trains_the_task_and_what_it_reads_alone(setting, model, row):
    before = copy.deepcopy(dict(model.named_parameters()))
    calls = count_calls(model, 'backbone', 'tasks.cls.head', 'text_encoder', 'decoder')
    _, baseline = jobs(setting, model, row('cls', 'train'))
    baseline()
    moved = {name for name, value in model.named_parameters() if not torch.equal(value, before[name])}
    assert {'.'.join(name.split('.')[: 1 + name.startswith('tasks')]) for name in moved} == {
        'backbone', 'neck', 'encoder', 'tasks.cls'
    }  # fmt: skip
    assert 'backbone' in calls and not {'text_encoder', 'decoder'} & set(calls)


def test_direct_baseline_makes_the_same_step(setting, row, model):
    """Same loss, same gradients: the two differ in what is not used alone."""
    after = []
    for place in (0, 1):
        own = copy.deepcopy(model)
        own.tasks['cls'].head.apply(
            lambda part: setattr(part, 'p', 0.0) if isinstance(part, nn.Dropout) else None
        )
        setting.cfg.optim_wrapper.clip_grad = None
        jobs(setting, own, row('cls', 'train'))[place]()
        after.append(own.state_dict())
    for name, value in after[0].items():
        torch.testing.assert_close(value, after[1][name], msg=lambda m, name=name: f'{name}: {m}')


def test_many_texts_cost_one_vision_pass_and_have_equal_lengths(setting, model, row):
    job, baseline = jobs(setting, model, row('vqa', 'texts'))
    written = []
    generate = model.text_decoder.model.generate
    model.text_decoder.model.generate = lambda **kwargs: written.append(generate(**kwargs)) or written[-1]
    calls = count_calls(model, 'backbone')
    job()
    assert calls == ['backbone'] and [ids.shape for ids in written] == [(4, 1 + 3)]
    written.clear()
    baseline()
    assert calls == ['backbone'] * 2 and [ids.shape for ids in written] == [(1, 4), (3, 4)]


def test_frozen_vision_has_a_baseline(setting, row):
    setting.cfg.model.frozen = ['backbone', 'neck', 'encoder']
    model = build_model(setting.cfg, CPU)
    for job in jobs(setting, model, row('vqa', 'train')):
        job()
