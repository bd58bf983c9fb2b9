"""The text path with fusion bypassed is transformers' own T5."""

import pytest
import torch
from mmdet.structures import DetDataSample
from torch.nn.utils.rnn import pad_sequence
from transformers import T5Config, T5ForConditionalGeneration

from unihema_mm.models import T5TextDecoder, T5TextEncoder
from unihema_mm.models.tasks import TextGenerationTask
from unihema_mm.models.text import TextReader
from unihema_mm.models.text.tokenizer import load_tokenizer

CONFIG = dict(
    vocab_size=512,
    d_model=32,
    d_kv=8,
    d_ff=64,
    num_layers=2,
    num_heads=4,
    decoder_start_token_id=0,
    initializer_factor=3.0,
)
# FLAN-T5 (T5 1.1) has an output layer of its own and gates; T5 1.0 scales the logits of the shared table.
VARIANTS = dict(
    flan=dict(feed_forward_proj='gated-gelu', tie_word_embeddings=False),
    first=dict(feed_forward_proj='relu', tie_word_embeddings=True),
)
QUESTIONS = ['Q: Malaria cells', 'Q: This image is for the detection of Sickle cell disease', 'Malaria', '']
ANSWERS = ['the cell is infected', 'Malaria', '', 'This image is for the detection']


@pytest.fixture(scope='module', params=VARIANTS)
def folder(request, tiny_tokenizer, tmp_path_factory):
    """Checkpoint of a whole T5 as transformers writes it, with a tokenizer."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp('t5')
    T5ForConditionalGeneration(T5Config(**CONFIG, **VARIANTS[request.param])).save_pretrained(folder)
    load_tokenizer(str(tiny_tokenizer)).save_pretrained(folder)
    return folder


@pytest.fixture
def t5(folder):
    return T5ForConditionalGeneration.from_pretrained(folder).eval()


@pytest.fixture
def encoder(folder):
    return T5TextEncoder(str(folder)).eval()


@pytest.fixture
def decoder(folder):
    return T5TextDecoder(str(folder)).eval()


@pytest.fixture
def inputs(decoder):
    """Ids and mask of the questions, as transformers takes them."""
    inputs = decoder.tokenizer(QUESTIONS, padding=True, return_tensors='pt')
    assert not inputs['attention_mask'].all()  # or the batch had no padding
    return inputs


@torch.no_grad()
def test_encoder_output(t5, encoder, inputs):
    text = encoder(QUESTIONS)
    valid = inputs['attention_mask'].bool()
    assert torch.equal(text.padding, ~valid)
    torch.testing.assert_close(text.tokens[valid], t5.encoder(**inputs).last_hidden_state[valid])


@torch.no_grad()
def test_teacher_forced_logits_and_loss(t5, encoder, decoder, inputs):
    rows = [torch.tensor(decoder.tokenizer(answer).input_ids) for answer in ANSWERS]
    labels = pad_sequence(rows, batch_first=True, padding_value=-100)
    assert torch.equal(decoder.tokenize(ANSWERS), labels)
    assert labels[2].tolist() == [1] + [-100] * (labels.size(1) - 1)
    expected = t5(**inputs, labels=labels)
    torch.testing.assert_close(decoder.logits(*encoder(QUESTIONS), labels), expected.logits)
    torch.testing.assert_close(decoder.loss(*encoder(QUESTIONS), ANSWERS), expected.loss)


@torch.no_grad()
@pytest.mark.parametrize('num_beams', [1, 4])
def test_generated_tokens(t5, encoder, decoder, inputs, num_beams, monkeypatch):
    written = []
    generate = decoder.model.generate
    monkeypatch.setattr(
        decoder.model, 'generate', lambda **kwargs: written.append(generate(**kwargs)) or written[-1]
    )
    answers = decoder.generate(*encoder(QUESTIONS), num_beams=num_beams, max_new_tokens=24)
    ids = t5.generate(**inputs, num_beams=num_beams, max_new_tokens=24, do_sample=False)
    assert torch.equal(written[0], ids)
    assert answers == decoder.tokenizer.batch_decode(ids, skip_special_tokens=True)
    assert len(set(answers)) > 2
    assert decoder.generate(*encoder(QUESTIONS), num_beams=num_beams, max_new_tokens=24) == answers


class Bypass(torch.nn.Module):
    """CMF that reads the text alone and keeps its tokens."""

    def forward(self, text, image, text_padding, image_padding, owners):
        return text

    def output_padding(self, text_padding):
        return text_padding


@torch.no_grad()
def test_task(t5, encoder, decoder):
    """Prefix, reader and both halves, on two images with one question and with three."""
    reader = TextReader(encoder, decoder, Bypass(), torch.zeros(2, 5, 8))
    task = TextGenerationTask('questions', 'answers', prefix='Q: ', num_beams=2, max_new_tokens=16)
    own = QUESTIONS[:1], QUESTIONS[1:]
    samples = [
        DetDataSample(metainfo=dict(questions=own[0], answers=ANSWERS[:1])),
        DetDataSample(metainfo=dict(questions=own[1], answers=ANSWERS[1:])),
    ]
    inputs = decoder.tokenizer([f'Q: {text}' for text in QUESTIONS], padding=True, return_tensors='pt')
    expected = t5(**inputs, labels=decoder.tokenize(ANSWERS))
    torch.testing.assert_close(task.loss(samples, reader=reader)['loss_text'], expected.loss)
    task.predict(samples, reader=reader)
    ids = t5.generate(**inputs, num_beams=2, max_new_tokens=16, do_sample=False)
    answers = decoder.tokenizer.batch_decode(ids, skip_special_tokens=True)
    assert [sample.pred_answers for sample in samples] == [answers[:1], answers[1:]]
