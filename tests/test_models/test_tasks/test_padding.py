"""What lies in the padding of the maps and behind the texts changes nothing."""

import pytest
import torch
from torch.nn import functional as F

FIELD = ('det', 'morph', 'inst', 'seg')


@pytest.fixture
def fill_padding():
    """Callable (module, samples, level, noise) that fills the padding of maps which the module returns."""
    handles = []

    def fill(module, samples, levels, noise):
        def hook(module, args, maps):
            height, width = samples[0].batch_input_shape
            padding = torch.ones(len(samples), 1, height, width)
            for row, sample in zip(padding, samples, strict=True):
                row[:, : sample.img_shape[0], : sample.img_shape[1]] = 0
            maps = list(maps)
            for level in range(len(maps))[levels]:
                there = F.interpolate(padding, size=maps[level].shape[-2:]).bool()
                assert there.any()
                values = noise * torch.randn(maps[level].shape, generator=torch.Generator().manual_seed(0))
                maps[level] = torch.where(there, values, maps[level])
            return tuple(maps)

        handles.append(module.register_forward_hook(hook))

    yield fill
    for handle in handles:
        handle.remove()


@pytest.fixture
def run_filled(build_all_tasks, make_mixed, fill_padding):
    """Callable (tasks, noise, method) -> what the model makes of two images of unequal size, as one group."""

    def run(tasks, noise, method):
        model = build_all_tasks(predict_by_size=False).eval()
        inputs, samples = make_mixed(
            model, [(tasks, (64, 96)), (tasks, (96, 160))], training=method == 'loss'
        )
        fill_padding(model.neck, samples, slice(None), noise)
        # Other maps of the backbone go through the group norm of the neck, whose statistics count padding.
        fill_padding(model.backbone, samples, slice(1), noise)
        with torch.no_grad():
            return getattr(model, method)(inputs, samples)

    return run


@pytest.mark.parametrize('tasks', [FIELD, ('cls',)], ids='+'.join)
def test_predictions(run_filled, tasks):
    for one, other in zip(*(run_filled(tasks, noise, 'predict') for noise in (0, 10)), strict=True):
        names = {name for name in one.to_dict() if name.startswith('pred_')}
        assert names == set(
            ('pred_instances', 'pred_queries', 'pred_sem_seg')
            if 'det' in tasks
            else ('pred_label', 'pred_scores', 'pred_feature', 'pred_attributes')
        )
        for name in names:
            fields = dict(one.get(name).items()) if hasattr(one.get(name), 'items') else {'': one.get(name)}
            for field, value in fields.items():
                same = other.get(name).get(field) if field else other.get(name)
                torch.testing.assert_close(
                    value, same, atol=1e-5, rtol=1e-5, msg=lambda m, f=field: f'{f}: {m}'
                )


@pytest.mark.parametrize('tasks', [FIELD, ('cls',), ('vqa',)], ids='+'.join)
def test_predictions_are_those_of_the_image_alone(build_all_tasks, make_mixed, tasks):
    """Although the group norm of backbone and neck counts padding."""
    model = build_all_tasks().eval()
    entries = [(tasks, (64, 96)), (tasks, (96, 160))]
    with torch.no_grad():
        together = model.predict(*make_mixed(model, entries, training=False))[0]
        alone = model.predict(*make_mixed(model, entries[:1], training=False))[0]
    if 'pred_instances' in alone:
        for field in ('bboxes', 'scores', 'mask_scores'):
            torch.testing.assert_close(
                together.pred_instances[field], alone.pred_instances[field], atol=1e-4, rtol=1e-4
            )
        assert torch.equal(together.pred_sem_seg.sem_seg, alone.pred_sem_seg.sem_seg)
    elif 'pred_scores' in alone:
        torch.testing.assert_close(together.pred_scores, alone.pred_scores)
    else:
        assert together.pred_answers == alone.pred_answers and len(alone.pred_answers) == 2


@pytest.mark.parametrize('task', ['vqa', 'mlm'])
def test_text_loss(run_filled, task):
    losses = [run_filled((task,), noise, 'loss')[f'{task}.loss_text'] for noise in (0, 10)]
    torch.testing.assert_close(*losses)


def test_longer_texts_beside_it_change_nothing(build_all_tasks, make_mixed):
    model = build_all_tasks().eval()
    losses = []
    for other in ('What is it?', 'What is it? ' * 8):
        inputs, samples = make_mixed(model, [(('vqa',), (64, 64))] * 2)
        samples[0].set_metainfo(dict(questions=['Is it round?'], answers=['Yes']))
        samples[1].set_metainfo(dict(questions=[other], answers=['']))
        fused = []
        handle = model.text_fusion.register_forward_hook(
            lambda module, args, out, fused=fused: fused.append(out)
        )
        with torch.no_grad():
            model.loss(inputs, samples)
        handle.remove()
        losses.append(fused[0][0])
    torch.testing.assert_close(*losses, atol=1e-5, rtol=1e-5)
