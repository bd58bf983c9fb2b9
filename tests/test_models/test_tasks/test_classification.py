"""Class and attributes of a cell: fields, subsets of classes, backbone tokens."""

import pytest
import torch


@pytest.fixture
def predict(make_mixed):
    def run(model, annotated=(None, None)):
        entries = [(('cls',), (64, 64)), (('cls',), (51, 37))]
        inputs, samples = make_mixed(model.eval(), entries, training=False)
        for sample, known in zip(samples, annotated, strict=True):
            if known is not None:
                sample.set_metainfo(dict(annotated=known))
        with torch.no_grad():
            return model.predict(inputs, samples)

    return run


def test_fields(build_all_tasks, predict):
    for sample in predict(build_all_tasks()):
        assert sample.pred_scores.shape == (5,) and sample.pred_feature.shape == (128,)
        torch.testing.assert_close(sample.pred_scores.sum(), torch.tensor(1.0))
        assert sample.pred_label.tolist() == [int(sample.pred_scores.argmax())]
        assert sample.pred_attributes.shape == (11,) and (sample.pred_attributes >= 0).all()
        assert sample.pred_scores.dtype == torch.float32 and sample.pred_label.dtype == torch.int64


def test_classes_that_the_data_set_lacks_are_not_predicted(build_all_tasks, predict):
    model = build_all_tasks()
    free, (few, all_) = predict(model), predict(model, annotated=((1, 3), None))
    assert few.pred_scores[[0, 2, 4]].tolist() == [0, 0, 0]
    assert int(few.pred_label) in (1, 3)
    chosen = free[0].pred_scores[[1, 3]]
    torch.testing.assert_close(few.pred_scores[[1, 3]], chosen / chosen.sum())
    torch.testing.assert_close(all_.pred_scores, free[1].pred_scores)


def test_classes_that_the_data_set_lacks_are_no_negatives(build_all_tasks, make_mixed):
    model = build_all_tasks().train()
    inputs, samples = make_mixed(model, [(('cls',), (64, 64))])
    samples[0].set_metainfo(dict(annotated=(0, 3)))
    loss = model.loss(inputs, samples)['cls.loss_cls']
    loss.backward()
    bias = model.tasks['cls'].head.layers[-1].bias.grad
    assert loss > 0 and (bias != 0).tolist() == [True, False, False, True, False]


def test_backbone_tokens(build_all_tasks, make_mixed, predict):
    model = build_all_tasks(tasks=dict(cls=dict(feature=dict(backbone_dims=128))))
    assert model.tasks['cls'].feature.proj.in_features == 3 * 128
    before = predict(model)
    with torch.no_grad():
        model.tasks['cls'].feature.proj.weight[:, 256:] *= -1
    after = predict(model)
    assert (before[0].pred_feature - after[0].pred_feature).abs().max() > 1e-3
    losses = model.train().loss(*make_mixed(model, [(('cls',), (64, 64))]))
    assert losses['cls.loss_cls'].isfinite()


def test_without_attributes(build_all_tasks, make_mixed, predict):
    model = build_all_tasks(tasks=dict(cls=dict(attributes=None)))
    assert 'pred_attributes' not in predict(model)[0]
    inputs, samples = make_mixed(model.train(), [(('cls',), (64, 64))])
    del samples[0].gt_attributes
    assert set(model.loss(inputs, samples)) == {'cls.loss_cls'}


@pytest.mark.parametrize('field', ['gt_label', 'gt_attributes'])
def test_absent_truth_is_named(build_all_tasks, make_mixed, field):
    model = build_all_tasks()
    inputs, samples = make_mixed(model, [(('cls',), (64, 64))])
    delattr(samples[0], field)
    with pytest.raises(
        ValueError, match=rf'image_0\.png: {field} is missing; use a data set of single cells'
    ):
        model.loss(inputs, samples)


def test_data_that_does_not_fit_is_refused(build_all_tasks):
    task = build_all_tasks().tasks['cls']
    task.check_metainfo(dict(classes=tuple('abcde'), attributes=task.attribute_head.schema.attributes))
    with pytest.raises(ValueError, match='set num_classes=3'):
        task.check_metainfo(dict(classes=('a', 'b', 'c')))
