"""One mask per image: sizes, ignored pixels, images without a mask."""

import pytest
import torch

SIZES = [(64, 96), (51, 37), (33, 80)]


@pytest.mark.parametrize('rescale', [True, False])
def test_mask_has_the_size_of_its_image(build_all_tasks, make_mixed, rescale):
    model = build_all_tasks().eval()
    inputs, samples = make_mixed(model, [(('seg',), size) for size in SIZES], training=False)
    samples[1].set_metainfo(dict(ori_shape=(50, 38)))  # neither the input's size nor a multiple
    with torch.no_grad():
        model.predict(inputs, samples, rescale=rescale)
    expected = [(128, 192), (50, 38), (66, 160)] if rescale else SIZES
    for sample, size in zip(samples, expected, strict=True):
        mask = sample.pred_sem_seg.sem_seg
        assert mask.shape == (1, *size) and mask.dtype == torch.uint8 and mask.max() <= 1


@pytest.mark.parametrize('size', [(64, 96), (51, 37)])
def test_a_batch_of_one_without_objects(build_all_tasks, make_mixed, size):
    model = build_all_tasks().train()
    losses = model.loss(*make_mixed(model, [(('seg',), size, 0)]))
    assert set(losses) == {'seg.loss_dice', 'seg.loss_focal'}
    assert all(value > 0 and value.isfinite() for value in losses.values())


def test_ignored_pixels_and_padding_cost_nothing(build_all_tasks, make_mixed):
    model = build_all_tasks().train()
    entries = [(('seg',), (64, 96)), (('seg',), (48, 64))]
    inputs, samples = make_mixed(model, entries)
    logits = []
    original = model.tasks['seg'].finder.forward
    model.tasks['seg'].finder.forward = lambda **kwargs: logits.append(original(**kwargs)) or logits[-1]
    samples[0].gt_sem_seg.sem_seg[:, :20] = 255
    losses = model.loss(inputs, samples)
    logits[0].retain_grad()
    sum(losses.values()).backward()
    counted = logits[0].grad[:, 0] != 0
    assert not counted[0, :20].any() and counted[0, 20:].all()
    assert counted[1, :48, :64].all() and not counted[1, 48:].any() and not counted[1, :, 64:].any()


def test_nothing_annotated(build_all_tasks, make_mixed):
    model = build_all_tasks().train()
    inputs, samples = make_mixed(model, [(('seg',), (64, 64))])
    samples[0].gt_sem_seg.sem_seg.fill_(255)
    losses = model.loss(inputs, samples)
    sum(losses.values()).backward()
    assert [float(value) for value in losses.values()] == [0, 0]
    assert all(param.grad is not None for param in model.tasks['seg'].parameters())


def test_absent_mask_is_named(build_all_tasks, make_mixed):
    model = build_all_tasks()
    inputs, samples = make_mixed(model, [(('seg',), (64, 64))])
    del samples[0].gt_sem_seg
    with pytest.raises(ValueError, match=r'image_0\.png: gt_sem_seg is missing; load it with LoadCellMask'):
        model.loss(inputs, samples)


def test_the_prompt_chooses_the_mask(build_all_tasks, make_mixed):
    model = build_all_tasks().eval()
    torch.nn.init.normal_(model.text_refiner.fusion.proj.weight, std=1.0)  # leave the identity
    logits = []
    model.tasks['seg'].finder.register_forward_hook(lambda module, args, out: logits.append(out))
    inputs, samples = make_mixed(model, [(('seg',), (64, 64))], training=False)
    with torch.no_grad():
        for text in ('Malaria cells', 'A round cell.'):
            samples[0].set_metainfo(dict(text=text))
            model.predict(inputs, samples)
    assert (logits[0] - logits[1]).abs().max() > 1e-3
