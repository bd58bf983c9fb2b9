"""Batches that mix tasks: routing, equality with single-task batches, gradients, laziness."""

import copy

import pytest
import torch

from unihema_mm.models.features import SmearFeatures
from unihema_mm.utils.errors import InputError

FIELD = ('det', 'morph', 'inst', 'seg')
MIX = [
    (FIELD, (96, 128)),
    (('cls',), (64, 64)),
    (('vqa',), (64, 72)),
    (('seg',), (72, 80)),
    (('mlm',), (56, 64)),
    (FIELD, (80, 112), 1),
    (('cls',), (48, 64)),
]


def total(losses):
    return sum(value for name, value in losses.items() if 'loss' in name)


@pytest.fixture
def fixed_noise(monkeypatch):
    """Random points and denoising noise that are the same in every call."""

    def rand(*size, **kwargs):
        size = size[0] if len(size) == 1 and isinstance(size[0], tuple | list | torch.Size) else size
        return torch.full(size, 0.3, **{k: v for k, v in kwargs.items() if k in ('device', 'dtype')})

    monkeypatch.setattr(torch, 'rand', rand)
    monkeypatch.setattr(torch, 'rand_like', lambda tensor, **kwargs: torch.full_like(tensor, 0.3, **kwargs))
    monkeypatch.setattr(torch, 'randint_like', lambda tensor, *args, **kwargs: torch.zeros_like(tensor))


def test_a_mixed_batch_is_the_sum_of_its_single_task_batches(build_all_tasks, make_mixed, fixed_noise):
    model = build_all_tasks().train()
    mixed = model.loss(*make_mixed(model, MIX))
    single = {}
    for tasks in dict.fromkeys(entry[0] for entry in MIX):
        # Same seeds per sample: the others keep their place in the list and are then left out.
        inputs, samples = make_mixed(model, MIX)
        chosen = [place for place, entry in enumerate(MIX) if entry[0] == tasks]
        data = [samples[place] for place in chosen]
        height, width = (max(sample.img_shape[axis] for sample in data) for axis in (0, 1))
        for sample in data:
            sample.set_metainfo(dict(batch_input_shape=(height, width)))
        losses = model.loss(inputs[chosen][..., :height, :width], data)
        share = {key: len(data) / sum(key in entry[0] for entry in MIX) for key in tasks}
        for name, value in losses.items():
            single[name] = single.get(name, 0) + share[name.split('.')[0]] * value
    assert single.keys() == mixed.keys()
    for name, value in mixed.items():
        torch.testing.assert_close(
            value, single[name], atol=1e-5, rtol=1e-5, msg=lambda m, n=name: f'{n}: {m}'
        )
    torch.testing.assert_close(total(mixed), total(single), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize('tasks', [(*FIELD, 'vqa', 'mlm'), ('cls', 'vqa', 'mlm')], ids='+'.join)
def test_the_tasks_of_an_image_equal_each_task_alone(build_all_tasks, make_mixed, fixed_noise, tasks):
    """Only the masks of denoising queries need a task that makes these queries."""
    model = build_all_tasks().train()
    entries = [(tasks, (64, 96)), (tasks, (48, 64), 1)]
    together = model.loss(*make_mixed(model, entries))
    alone = {}
    for key in tasks:
        inputs, samples = make_mixed(model, entries)
        for sample in samples:
            sample.set_metainfo(dict(tasks=(key,)))
        alone.update(model.loss(inputs, samples))
    assert alone.keys() == {name for name in together if not name.startswith('inst.dn_')}
    for name, value in alone.items():
        torch.testing.assert_close(
            together[name], value, atol=1e-5, rtol=1e-5, msg=lambda m, n=name: f'{n}: {m}'
        )


@pytest.mark.parametrize('reads', ['tokens', 'memory'])
def test_bfloat16_autocast_trains_and_predicts_every_task(build_all_tasks, make_mixed, reads):
    model = build_all_tasks(fusion_reads=reads)
    with torch.autocast('cpu', torch.bfloat16):
        loss = total(model.train().loss(*make_mixed(model, MIX)))
    loss.backward()
    assert loss.isfinite()
    with torch.no_grad(), torch.autocast('cpu', torch.bfloat16):
        found = model.eval().predict(*make_mixed(model, MIX, training=False))
    assert found[0].pred_instances.mask_scores.dtype == found[1].pred_scores.dtype == torch.float32
    assert len(found[2].pred_answers) == len(found[2].questions)


def test_loss_names_say_the_task_and_weights_scale_them(build_all_tasks, make_mixed, fixed_noise):
    model = build_all_tasks().train()
    before = model.loss(*make_mixed(model, MIX))
    assert {name.split('.')[0] for name in before} == {'det', 'morph', 'inst', 'seg', 'cls', 'vqa', 'mlm'}
    model.tasks['seg'].loss_weight = 3.0
    after = model.loss(*make_mixed(model, MIX))
    for name, value in after.items():
        factor = 3.0 if name.startswith('seg.') else 1.0
        torch.testing.assert_close(value, factor * before[name])


@pytest.mark.parametrize('option', ['pad_mask', 'pad_seg'])
def test_truth_that_is_padded_with_the_whole_batch(build_all_tasks, make_mixed, fixed_noise, option):
    """The masks of a group are cut as its images are."""
    entries = [(('inst', 'seg'), (64, 96)), (('det',), (96, 160))]
    losses = []
    for pad in (False, True):
        model = build_all_tasks(data_preprocessor={option: pad}).train()
        inputs, samples = make_mixed(model, entries)
        size = dict(pad_mask=samples[0].gt_instances.masks.masks, pad_seg=samples[0].gt_sem_seg.sem_seg)
        assert size[option].shape[1:] == ((96, 160) if pad else (64, 96))
        losses.append(model.loss(inputs, samples))
    for name, value in losses[0].items():
        torch.testing.assert_close(losses[1][name], value, msg=lambda m, n=name: f'{n}: {m}')


def test_padding_that_other_tasks_need_changes_nothing(build_all_tasks, make_mixed):
    model = build_all_tasks().eval()
    entries = [(('cls',), (64, 64))]
    with torch.no_grad():
        alone = model.predict(*make_mixed(model, entries, training=False))[0]
        beside = model.predict(*make_mixed(model, [*entries, (('det',), (96, 160))], training=False))[0]
    torch.testing.assert_close(alone.pred_scores, beside.pred_scores, atol=1e-6, rtol=1e-5)


ALL = ('backbone', 'levels', 'tokens', 'memory', 'objects', 'reader')
READ = {
    'det': {'backbone', 'levels', 'memory', 'objects'},
    'morph': {'backbone', 'levels', 'memory', 'objects'},
    'inst': {'backbone', 'levels', 'memory', 'objects'},
    'seg': {'backbone', 'levels', 'memory', 'objects'},
    'cls': {'backbone', 'levels', 'memory'},
    'vqa': {'backbone', 'levels', 'tokens', 'reader'},
    'mlm': {'backbone', 'levels', 'tokens', 'reader'},
}


@pytest.fixture
def computed(monkeypatch):
    """Callable -> names of the features that were computed so far, a set per group of images."""
    seen = []
    original = SmearFeatures.__init__

    def spy(self, *args, **kwargs):
        original(self, *args, **kwargs)
        seen.append(self)

    monkeypatch.setattr(SmearFeatures, '__init__', spy)
    return lambda: [{name for name in ALL if name in vars(features)} for features in seen]


@pytest.mark.parametrize('task', READ)
def test_only_what_the_task_reads_is_computed(build_all_tasks, make_mixed, computed, task):
    model = build_all_tasks(fusion_reads='tokens').eval()
    with torch.no_grad():
        model.predict(*make_mixed(model, [((task,), (64, 64))], training=False))
    assert computed() == [READ[task]]


def test_fusion_may_read_the_encoded_image(build_all_tasks, make_mixed, computed):
    model = build_all_tasks(fusion_reads='memory')
    total(model.train().loss(*make_mixed(model, [(('vqa',), (64, 64))]))).backward()
    assert computed() == [{'backbone', 'levels', 'memory', 'reader'}]
    assert any(param.grad is not None and param.grad.any() for param in model.encoder.parameters())
    with pytest.raises(InputError, match=r"fusion_reads must be one of .*, got 'levels'"):
        build_all_tasks(fusion_reads='levels')


PARTS = {
    'backbone.': set(READ),
    'neck.': set(READ),
    'encoder.': {'det', 'morph', 'inst', 'seg', 'cls'},
    'decoder.': {'det', 'morph', 'inst', 'seg'},
    'text_refiner.': {'det', 'morph', 'inst', 'seg'},
    'bbox_head.': {'det'},
    'text_encoder.': {'det', 'morph', 'inst', 'seg', 'vqa', 'mlm'},
    'text_fusion.': {'vqa', 'mlm'},
    'text_decoder.': {'vqa', 'mlm'},
    'tasks.morph.': {'morph'},
    'tasks.inst.': {'inst'},
    'tasks.seg.': {'seg'},
    'tasks.cls.': {'cls'},
}


@pytest.mark.parametrize('task', READ)
def test_gradients_reach_exactly_the_parts_of_the_task(build_all_tasks, make_mixed, task):
    model = build_all_tasks(fusion_reads='tokens').train()
    torch.nn.init.normal_(model.text_refiner.fusion.proj.weight, std=0.1)  # leave the identity
    losses = model.loss(*make_mixed(model, [((task,), (64, 96)), ((task,), (64, 64))]))
    total(losses).backward()
    for part, tasks in PARTS.items():
        moved = sum(
            float(param.grad.abs().sum())
            for name, param in model.named_parameters()
            if name.startswith(part) and param.grad is not None
        )
        refined = part == 'bbox_head.' and task in ('morph', 'inst', 'seg')  # boxes steer the decoder
        if not refined:
            assert (moved > 0) == (task in tasks), part


def test_a_batch_without_objects_trains_and_reaches_the_same_parameters(build_all_tasks, make_mixed):
    model = build_all_tasks().train()
    names = []
    for objects in (3, 0):
        model.zero_grad()
        entries = [(tasks, size, objects) for tasks, size, *_ in MIX]
        losses = model.loss(*make_mixed(model, entries))
        total(losses).backward()
        assert all(torch.isfinite(value).all() for value in losses.values())
        names.append(
            (set(losses), {name for name, param in model.named_parameters() if param.grad is not None})
        )
    assert names[0] == names[1]


def test_permuting_a_mixed_batch_permutes_the_predictions(build_all_tasks, make_mixed):
    model = build_all_tasks().eval()
    inputs, samples = make_mixed(model, MIX, training=False)
    backwards = copy.deepcopy(samples)[::-1]
    with torch.no_grad():
        first = model.predict(inputs, samples)
        second = model.predict(inputs.flip(0), backwards)[::-1]
    for one, other in zip(first, second, strict=True):
        assert one.img_id == other.img_id
        if 'pred_instances' in one:
            torch.testing.assert_close(
                one.pred_instances.scores, other.pred_instances.scores, atol=1e-5, rtol=0
            )
            assert (one.pred_instances.masks != other.pred_instances.masks).float().mean() < 1e-3
        if 'pred_scores' in one:
            torch.testing.assert_close(one.pred_scores, other.pred_scores, atol=1e-5, rtol=0)
        assert one.metainfo.get('pred_answers') == other.metainfo.get('pred_answers')


def test_a_task_the_model_lacks_is_named(build_all_tasks, make_mixed):
    model = build_all_tasks()
    with pytest.raises(
        ValueError, match=r"image_0.png: tasks: 'count' is no task of this model, which has det"
    ):
        model.loss(*make_mixed(model, [(('count',), (64, 64))]))


def test_a_seventh_task_is_a_class_and_a_config_line(build_all_tasks, make_mixed):
    from unihema_mm.models.tasks import Task
    from unihema_mm.registry import MODELS

    @MODELS.register_module(force=True)
    class BrightnessTask(Task):
        reads = ('levels',)

        def __init__(self, embed_dims, **kwargs):
            super().__init__(**kwargs)
            self.fc = torch.nn.Linear(embed_dims, 1)

        def loss(self, samples, levels):
            return dict(loss_brightness=self.fc(levels[0].mean(dim=(2, 3))).square().mean())

        def predict(self, samples, levels, rescale=True):
            for sample, value in zip(samples, self.fc(levels[0].mean(dim=(2, 3))), strict=True):
                sample.pred_brightness = value

    try:
        model = build_all_tasks(tasks=dict(brightness=dict(type='BrightnessTask')))
        losses = model.train().loss(*make_mixed(model, [(('brightness', 'cls'), (64, 64))]))
        assert losses['brightness.loss_brightness'].requires_grad and 'cls.loss_cls' in losses
    finally:
        MODELS.module_dict.pop('BrightnessTask')
