"""UniHema as a detector: prompts, freezing, awkward batches."""

import pytest
import torch


def total(losses):
    return sum(value for name, value in losses.items() if 'loss' in name)


def test_every_trained_parameter_gets_a_gradient(build_model, make_batch):
    model = build_model().train()
    total(model.loss(*make_batch(model))).backward()
    trained = {name for name, param in model.named_parameters() if param.requires_grad}
    without = {name for name in trained if model.get_parameter(name).grad is None}
    assert not without
    assert not any(name.startswith('text_encoder') for name in trained)


@pytest.mark.parametrize('num_items', [(0, 0), (0, 4), (1, 0)])
def test_images_without_objects_reach_the_same_parameters(build_model, make_batch, num_items):
    model = build_model().train()
    losses = model.loss(*make_batch(model, num_items=num_items))
    total(losses).backward()
    assert all(param.grad is not None for param in model.parameters() if param.requires_grad)
    assert all(torch.isfinite(value).all() for value in losses.values())
    if sum(num_items) == 0:
        assert all(
            value == 0 for name, value in losses.items() if 'bbox' in name or 'iou' in name or 'dn' in name
        )
        assert losses['det.loss_cls'] > 0


def test_text_changes_detections_once_the_refiner_has_left_the_identity(build_model, make_batch):
    model = build_model().eval()
    images, samples = make_batch(model, training=False)

    def scores(words):
        for sample in samples:
            sample.set_metainfo({'text': words})
        with torch.no_grad():
            return model._forward(images, samples)[0]

    assert torch.equal(scores('Malaria'), scores('complete blood count'))
    torch.nn.init.normal_(model.text_refiner.fusion.proj.weight)
    assert not torch.allclose(scores('Malaria'), scores('complete blood count'))


def test_image_without_prompt_gets_the_default_text(build_model, make_batch):
    model = build_model().eval()
    _, samples = make_batch(model, training=False)
    samples[0].set_metainfo({'text': model.default_text})
    samples[1].set_metainfo({'text': ''})
    features = model.encode_text(samples)
    assert torch.equal(features.tokens[0], features.tokens[1])


def test_each_prompt_is_encoded_once(build_model, make_batch):
    model = build_model().train()
    batch = make_batch(model)
    calls = []
    model.text_encoder.model.register_forward_hook(lambda *args: calls.append(1))
    for _ in range(3):
        model.loss(*batch)
    assert len(calls) == len({sample.text for sample in batch[1]}) == 2


@pytest.mark.parametrize('content', ['learned', 'encoder'])
@pytest.mark.parametrize('fusion', ['concat', 'gate'])
def test_variants_train_and_predict(build_model, make_batch, content, fusion):
    model = build_model(
        content_query=content, text_refiner=dict(type='TextGuidedVisualRefinement', fusion=fusion)
    )
    total(model.train().loss(*make_batch(model))).backward()
    assert all(param.grad is not None for param in model.parameters() if param.requires_grad)
    with torch.no_grad():
        result = model.eval().predict(*make_batch(model, training=False), rescale=False)
    assert len(result[0].pred_instances) == 100


def test_encoder_content_depends_on_the_image(build_model, make_batch):
    model = build_model(content_query='encoder')
    tokens = torch.randn(2, 7, model.embed_dims)
    assert torch.equal(model._content_queries(tokens), tokens)
    assert 'query_embedding.weight' in model.state_dict()


@pytest.mark.parametrize('size', [(17, 33), (40, 23)])
def test_image_with_fewer_tokens_than_queries(build_model, make_batch, size):
    model = build_model()
    losses = model.train().loss(*make_batch(model, sizes=[size], num_items=[2]))
    total(losses).backward()
    with torch.no_grad():
        result = model.eval().predict(
            *make_batch(model, sizes=[size], num_items=[2], training=False), rescale=False
        )
    boxes = result[0].pred_instances.bboxes
    assert 0 < len(boxes) < 100
    assert boxes.min() >= 0 and boxes[:, 2].max() <= size[1] and boxes[:, 3].max() <= size[0]


def test_padding_is_never_a_query(build_model, make_batch):
    """The class head is set to prefer padding tokens above all; none may be selected."""
    model = build_model().eval()
    images, samples = make_batch(model, sizes=((128, 128), (64, 96)), training=False)
    head = model.bbox_head.cls_branches[model.decoder.num_layers]
    with torch.no_grad():
        padding_token = model.memory_trans_norm(model.memory_trans_fc.bias)
        head.weight.copy_(padding_token.expand_as(head.weight))
        encoder_inputs, _ = model.pre_transformer(model.extract_feat(images), samples)
        encoded = model.forward_encoder(**encoder_inputs)
        reference = model.pre_decoder(**encoded, batch_data_samples=samples)[0]['reference_points']
        model.select_padding = True  # the released form
        released = model.pre_decoder(**encoded, batch_data_samples=samples)[0]['reference_points']
    assert encoded['memory_mask'][1].any()
    # The anchor of a padding token is infinite, so its box would be exactly (1, 1, 1, 1).
    assert not (reference == 1).all(dim=-1).any()
    assert (released[1] == 1).all(dim=-1).any()


def test_permuting_the_batch_permutes_the_results(build_model, make_batch):
    model = build_model().eval()
    torch.nn.init.normal_(model.text_refiner.fusion.proj.weight, std=0.1)
    images, samples = make_batch(model, training=False)
    with torch.no_grad():
        forward = model._forward(images, samples)[0]
        backward = model._forward(images.flip(0), samples[::-1])[0]
    torch.testing.assert_close(forward, backward.flip(1), atol=1e-5, rtol=1e-5)


def test_frozen_means_frozen(build_model, make_batch):
    model = build_model(frozen=['text_encoder', 'backbone', 'neck']).train()
    assert not model.backbone.training and not model.text_encoder.training and model.encoder.training
    images, samples = make_batch(model)
    running = model.backbone.bn1.running_mean.clone()
    features = model.extract_feat(images)
    assert not any(feature.requires_grad for feature in features)
    assert torch.equal(model.backbone.bn1.running_mean, running)
    total(model.loss(images, samples)).backward()
    assert all(param.grad is None for param in model.backbone.parameters())


def test_trained_parts_alone_are_trained(build_model, make_batch):
    trained = ['encoder.layers.1', 'level_embed', 'bbox_head.cls_branches']
    model = build_model(trained=trained, frozen=['bbox_head.cls_branches.0']).train()
    assert model.encoder.layers[1].training and not model.encoder.layers[0].training
    assert not any(part.training for part in (model.backbone, model.decoder, model.bbox_head.reg_branches))
    total(model.loss(*make_batch(model))).backward()
    reached = {name for name, parameter in model.named_parameters() if parameter.grad is not None}
    chosen = {
        name
        for name, _ in model.named_parameters()
        if name.startswith(tuple(trained)) and not name.startswith('bbox_head.cls_branches.0')
    }
    assert reached == chosen and len({name.split('.')[0] for name in chosen}) == 3


def test_unknown_names_are_refused(build_model):
    with pytest.raises(ValueError, match='no module named txt; the parts of this model are'):
        build_model(frozen=['txt'])
    with pytest.raises(ValueError, match='list of module names'):
        build_model(frozen='neck')
    with pytest.raises(ValueError, match=r'trained: no module or parameter named encodr; .* level_embed, '):
        build_model(trained=['encodr', 'level_embed'])
    with pytest.raises(ValueError, match='list of names of modules and parameters'):
        build_model(trained='encoder')
    with pytest.raises(ValueError, match='content_query'):
        build_model(content_query='text')


def test_bfloat16_autocast_trains_and_predicts(build_model, make_batch):
    model = build_model()
    with torch.autocast('cpu', torch.bfloat16):
        loss = total(model.train().loss(*make_batch(model)))
    loss.backward()
    assert torch.isfinite(loss)
    with torch.no_grad(), torch.autocast('cpu', torch.bfloat16):
        result = model.eval().predict(*make_batch(model, training=False), rescale=False)
    assert result[0].pred_instances.bboxes.dtype == torch.float32
