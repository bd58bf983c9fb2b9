"""Options of the tasks that make the released variant."""

import pytest
import torch

from unihema_mm.models.text import TextReader


@pytest.mark.parametrize('see_image', [True, False])
def test_released_text_is_generated_without_the_image(build_all_tasks, make_mixed, monkeypatch, see_image):
    """The released network trains on the fused embedding and writes from the question."""
    model = build_all_tasks(tasks=dict(vqa=dict(see_image=see_image))).eval()
    read = []
    generate = model.text_decoder.generate
    monkeypatch.setattr(
        model.text_decoder, 'generate', lambda *args: (read.append(args[0]), generate(*args))[1]
    )
    inputs, samples = make_mixed(model, [(('vqa',), (64, 72))], training=False)
    written = []
    for images in (inputs, inputs.flip(-1)):
        model.predict(images, samples)
        written.append(samples[0].pred_answers)
    assert torch.equal(read[0], read[1]) is not see_image
    assert see_image or written[0] == written[1]


def test_released_text_loss_still_reads_the_image(build_all_tasks, make_mixed):
    model = build_all_tasks(tasks=dict(vqa=dict(see_image=False))).train()
    model.loss(*make_mixed(model, [(('vqa',), (64, 72))]))['vqa.loss_text'].backward()
    assert model.text_fusion.image_proj.weight.grad.abs().sum() > 0


def test_text_decoder_leaves_out_the_padding_of_a_residual(build_all_tasks, monkeypatch):
    """With the text residual a fused token continues a text token; the decoder reads the valid ones."""
    model = build_all_tasks(
        text_fusion=dict(text_residual=True), text_encoder=dict(pad_to_max_length=True, max_length=16)
    ).eval()
    reader = TextReader(model.text_encoder, model.text_decoder, model.text_fusion, torch.randn(1, 9, 128))
    with torch.no_grad():
        fused, padding = reader.fuse(['What is it?'], [0])
        assert fused.shape == (1, 16, 128)
        assert 0 < padding.sum() < 16
        loss = reader.loss(['What is it?'], [0], ['Yes'])
        changed = fused.masked_fill(padding.unsqueeze(-1), 5.0)
        monkeypatch.setattr(reader, 'fuse', lambda *_: (changed, padding))
        torch.testing.assert_close(reader.loss([], [], ['Yes']), loss)
        fused, padding = TextReader.fuse(reader, [], [])
        assert fused.shape == (0, 16, 128) and padding.shape == (0, 16)


def test_detection_without_denoising(build_all_tasks, make_mixed):
    model = build_all_tasks(tasks=dict(det=dict(denoising=False)), frozen=['dn_query_generator']).train()
    losses = model.loss(*make_mixed(model, [(('det',), (96, 128))]))
    assert losses and not any('dn' in name for name in losses)
    sum(losses.values()).backward()
    assert model.bbox_head.cls_branches[0].weight.grad.abs().sum() > 0
