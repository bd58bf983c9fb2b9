"""Attributes of detected cells: detections and queries agree."""

import pytest
import torch


@pytest.mark.parametrize('rescale', [True, False])
def test_detections_and_queries_agree(build_all_tasks, make_mixed, rescale):
    model = build_all_tasks().eval()
    entries = [(('det', 'morph'), (64, 96)), (('det', 'morph'), (51, 37))]
    inputs, samples = make_mixed(model, entries, training=False)
    with torch.no_grad():
        model.predict(inputs, samples, rescale=rescale)
    for sample in samples:
        found, queries = sample.pred_instances, sample.pred_queries
        height, width = sample.ori_shape if rescale else sample.img_shape
        assert queries.attributes.shape == (20, 11) and queries.attributes.dtype == torch.int64
        assert queries.logits.shape == (20, 3) and queries.bboxes.shape == (20, 4)
        assert torch.equal(found.attributes, queries.attributes[found.queries])
        assert found.attribute_scores.shape == (20, 11)
        assert ((found.attribute_scores > 0) & (found.attribute_scores <= 1)).all()
        scores = queries.logits.sigmoid()[found.queries, found.labels]
        torch.testing.assert_close(found.scores, scores)
        inside = queries.bboxes[found.queries]
        inside = torch.stack(
            [part.clamp(0, side) for part, side in zip(inside.unbind(1), (width, height) * 2, strict=True)], 1
        )
        torch.testing.assert_close(found.bboxes, inside, atol=1e-3, rtol=1e-5)


@pytest.mark.parametrize('tasks', [('morph',), ('det', 'morph')], ids='+'.join)
@pytest.mark.parametrize('objects', [0, 1])
def test_a_batch_of_one(build_all_tasks, make_mixed, tasks, objects):
    model = build_all_tasks().train()
    inputs, samples = make_mixed(model, [(tasks, (51, 37), objects)])
    samples[0].gt_instances.attributes.clamp_(min=0)
    losses = {name: value for name, value in model.loss(inputs, samples).items() if 'morph' in name}
    assert set(losses) == {f'morph.{layer}loss_attribute' for layer in ('', 'd0.', 'd1.')}
    assert all((value > 0) == bool(objects) for value in losses.values())


def test_absent_attributes_are_named(build_all_tasks, make_mixed):
    model = build_all_tasks().train()
    inputs, samples = make_mixed(model, [(('morph',), (64, 64))])
    del samples[0].gt_instances.attributes
    message = r'image_0\.png: gt_instances\.attributes is missing; use a data set with attributes'
    with pytest.raises(ValueError, match=message):
        model.loss(inputs, samples)


def test_data_of_another_schema_is_refused(build_all_tasks):
    task = build_all_tasks().tasks['morph']
    task.check_metainfo(dict(attributes=task.head.schema.attributes))
    with pytest.raises(ValueError, match='colour'):
        task.check_metainfo(dict(attributes=dict(colour=['red', 'blue'])))
