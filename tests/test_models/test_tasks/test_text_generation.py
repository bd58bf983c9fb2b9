"""Sentences about images: they depend on the image, keep their order, and need no vision gradient."""

import pytest
import torch

from unihema_mm.models.features import SmearFeatures


@pytest.fixture
def decoder_logits(make_mixed):
    """Callable (model, inputs, samples) -> teacher-forced logits of all answers."""

    def run(model, inputs, samples):
        recorded = []
        original = model.text_decoder.logits
        model.text_decoder.logits = lambda *args: recorded.append(original(*args)) or recorded[-1]
        try:
            with torch.no_grad():
                model.eval().loss(inputs, samples)
        finally:
            del model.text_decoder.logits
        return recorded[0]

    return run


@pytest.mark.parametrize('task', ['vqa', 'mlm'])
def test_the_image_alone_changes_the_answer(build_all_tasks, make_mixed, decoder_logits, task):
    model = build_all_tasks()
    inputs, samples = make_mixed(model, [((task,), (64, 64))] * 2)
    before = decoder_logits(model, inputs, samples)
    changed = inputs.clone()
    changed[0] = torch.linspace(-2, 2, 64).expand(3, 64, 64)
    after = decoder_logits(model, changed, samples)
    texts = len(before) // 2
    assert (before[:texts] - after[:texts]).abs().max() > 1e-3
    torch.testing.assert_close(before[texts:], after[texts:], atol=1e-5, rtol=1e-5)


def test_the_question_alone_changes_the_answer(build_all_tasks, make_mixed, decoder_logits):
    model = build_all_tasks()
    inputs, samples = make_mixed(model, [(('vqa',), (64, 64))])
    samples[0].set_metainfo(dict(questions=['Is it round?', 'What is it?'], answers=['Yes', 'Yes']))
    first, second = decoder_logits(model, inputs, samples)
    assert (first - second).abs().max() > 1e-3


def test_answers_come_in_the_order_of_the_questions(build_all_tasks, make_mixed, monkeypatch):
    """Each image has its own number of questions; the decoder writes the number of the fused row."""
    model = build_all_tasks().eval()
    asked, places = [], []
    fuse = type(model.text_fusion).forward

    def record(self, text, image, text_padding, image_padding, owners):
        places.extend(owners.tolist())
        return fuse(self, text, image, text_padding, image_padding, owners)

    monkeypatch.setattr(type(model.text_fusion), 'forward', record)
    encode = model.text_encoder.forward
    monkeypatch.setattr(model.text_encoder, 'forward', lambda texts: asked.extend(texts) or encode(texts))
    monkeypatch.setattr(
        model.text_decoder, 'generate', lambda fused, *_: [f'answer {row}' for row in range(len(fused))]
    )
    inputs, samples = make_mixed(model, [(('vqa',), (64, 64))] * 3, training=False)
    questions = (['a', 'b', 'c'], ['d'], ['e', 'f'])
    for sample, own in zip(samples, questions, strict=True):
        sample.set_metainfo(dict(questions=own))
    model.predict(inputs, samples)
    assert asked == [f'Q: {question}' for question in 'abcdef'] and places == [0, 0, 0, 1, 2, 2]
    assert [sample.pred_answers for sample in samples] == [
        ['answer 0', 'answer 1', 'answer 2'], ['answer 3'], ['answer 4', 'answer 5']
    ]  # fmt: skip


def test_several_questions_are_answered_as_one_by_one(build_all_tasks, make_mixed, decoder_logits):
    model = build_all_tasks()
    inputs, samples = make_mixed(model, [(('vqa',), (64, 64))])
    questions, answers = ['Is it round?', 'What is it?', 'Malaria cells'], ['Yes', 'It', 'A']
    lengths = []
    for asked in [questions, *([question] for question in questions)]:
        samples[0].set_metainfo(dict(questions=asked, answers=[answers[questions.index(q)] for q in asked]))
        lengths.append(decoder_logits(model, inputs, samples))
    together, *alone = lengths
    for row, one in zip(together, alone, strict=True):
        torch.testing.assert_close(row[: one.size(1)], one[0], atol=1e-4, rtol=1e-4)


def test_an_image_without_questions_beside_one_with(build_all_tasks, make_mixed):
    model = build_all_tasks().train()
    inputs, samples = make_mixed(model, [(('vqa',), (64, 64))] * 2)
    samples[0].set_metainfo(dict(questions=[], answers=[]))
    assert model.loss(inputs, samples)['vqa.loss_text'] > 0
    samples[1].set_metainfo(dict(questions=[], answers=[]))
    loss = model.loss(inputs, samples)['vqa.loss_text']
    loss.backward()
    assert loss == 0 and all(param.grad is not None for param in model.text_fusion.parameters())
    model.eval().predict(inputs, samples)
    assert [sample.pred_answers for sample in samples] == [[], []]


@pytest.mark.parametrize('field', ['questions', 'answers'])
def test_absent_texts_are_named(build_all_tasks, make_mixed, field):
    model = build_all_tasks()
    inputs, samples = make_mixed(model, [(('vqa',), (64, 64))])
    samples[0].pop(field)
    with pytest.raises(ValueError, match=rf'image_0\.png: {field} is missing; use a data set with texts'):
        model.loss(inputs, samples)


VISION = ['backbone', 'neck', 'encoder', 'decoder', 'bbox_head']


@pytest.mark.parametrize(
    'frozen', [VISION, [*VISION, 'text_encoder', 'text_refiner']], ids=['vision', 'both']
)
def test_frozen_vision_builds_no_gradient_graph(build_all_tasks, make_mixed, monkeypatch, frozen):
    model = build_all_tasks(frozen=frozen, fusion_reads='tokens').train()
    seen = []
    original = SmearFeatures.__init__
    monkeypatch.setattr(
        SmearFeatures, '__init__', lambda self, *args: original(self, *args) or seen.append(self)
    )
    losses = model.loss(*make_mixed(model, [(('vqa', 'mlm'), (64, 64)), (('vqa', 'mlm'), (48, 64))]))
    (features,) = seen
    assert not any(part.requires_grad for part in (*features.backbone, *features.levels))
    assert not features.tokens.values.requires_grad and 'memory' not in vars(features)
    sum(losses.values()).backward()
    reached = {name.split('.')[0] for name, param in model.named_parameters() if param.grad is not None}
    expected = {'text_fusion', 'text_decoder'} | ({'text_encoder'} if 'text_encoder' not in frozen else set())
    assert reached == expected


def test_texts_alone_need_no_image(build_all_tasks, make_mixed, monkeypatch):
    alone = dict(type='TextGenerationTask', source='questions', target='answers', reads_image=False)
    model = build_all_tasks(tasks=dict(vqa=alone)).train()
    monkeypatch.setattr(model.backbone, 'forward', lambda *_: pytest.fail('the backbone runs'))
    inputs, samples = make_mixed(model, [(('vqa',), (64, 64)), (('vqa',), (48, 64))])
    sum(model.loss(inputs, samples).values()).backward()
    reached = {name.split('.')[0] for name, param in model.named_parameters() if param.grad is not None}
    assert reached == {'text_encoder', 'text_decoder'}
    model.eval().predict(inputs, samples)
    answers = [sample.pred_answers for sample in samples]
    with torch.no_grad():
        text = model.text_encoder(samples[0].questions)
    task = model.tasks['vqa']
    assert answers[0] == model.text_decoder.generate(*text, task.num_beams, task.max_new_tokens)
    assert [len(own) for own in answers] == [len(sample.questions) for sample in samples]
