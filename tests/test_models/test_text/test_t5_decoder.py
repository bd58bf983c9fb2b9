"""T5 text decoder: dependence on its input, bounds, number formats; parity tests have the equality."""

import copy

import pytest
import torch
from transformers import T5Config, T5ForConditionalGeneration

from unihema_mm.models import T5TextDecoder, T5TextEncoder
from unihema_mm.models.text.tokenizer import load_tokenizer
from unihema_mm.registry import MODELS
from unihema_mm.utils.errors import InputError
from unihema_mm.utils.freezing import freeze

CONFIG = dict(
    vocab_size=512,
    d_model=32,
    d_kv=8,
    d_ff=64,
    num_layers=2,
    num_heads=4,
    feed_forward_proj='gated-gelu',
    tie_word_embeddings=False,
    decoder_start_token_id=0,
    initializer_factor=3.0,
)
QUESTIONS = ['Q: Malaria cells', 'Q: This image is for the detection of Sickle cell disease', 'Malaria']
ANSWERS = ['the cell is infected', 'Malaria', '']


@pytest.fixture(scope='module')
def reference_t5(tiny_tokenizer, tmp_path_factory):
    """Whole T5 of transformers and its folder."""
    torch.manual_seed(0)
    t5 = T5ForConditionalGeneration(T5Config(**CONFIG)).eval()
    folder = tmp_path_factory.mktemp('t5')
    t5.save_pretrained(folder)
    load_tokenizer(str(tiny_tokenizer)).save_pretrained(folder)
    return t5, folder


@pytest.fixture
def t5(reference_t5):
    return reference_t5[0]


@pytest.fixture
def decoder(reference_t5):
    return T5TextDecoder(str(reference_t5[1])).eval()


@pytest.fixture
def questions(t5, decoder):
    """Token ids and mask of the questions."""
    return decoder.tokenizer(QUESTIONS, padding=True, return_tensors='pt')


@pytest.fixture
def encoded(t5, questions):
    """Output of transformers' encoder and its padding."""
    with torch.no_grad():
        hidden = t5.encoder(**questions).last_hidden_state
    return hidden, questions['attention_mask'] == 0


def write(decoder, fused, padding, **bounds):
    return decoder.generate(fused, padding, **{'max_new_tokens': 12, **bounds})


def build_random(tiny_tokenizer, **changes):
    torch.manual_seed(0)
    return T5TextDecoder({**CONFIG, **changes}, tokenizer=str(tiny_tokenizer)).eval()


@torch.no_grad()
def test_cached_generation_equals_decoding_from_the_start(tiny_tokenizer, encoded):
    decoder = build_random(tiny_tokenizer, num_decoder_layers=3)  # deeper than the encoder
    labels = torch.zeros(3, 1, dtype=torch.long)
    for _ in range(8):
        labels[:, -1] = decoder.logits(*encoded, labels)[:, -1].argmax(-1)
        labels = torch.nn.functional.pad(labels, (0, 1))
    assert not (labels[:, :-1] == 1).any()  # no row ends early, which would need padding
    expected = decoder.tokenizer.batch_decode(labels[:, :-1], skip_special_tokens=True)
    assert write(decoder, *encoded, num_beams=1, max_new_tokens=8) == expected


def test_untied_and_tied_output_layers_from_one_config(tiny_tokenizer):
    tied = build_random(tiny_tokenizer, tie_word_embeddings=True)
    untied = build_random(tiny_tokenizer)
    assert tied.model.lm_head.weight is tied.model.shared.weight
    assert untied.model.lm_head.weight is not untied.model.shared.weight
    copy.deepcopy(tied).load_state_dict(tied.state_dict())
    assert 'model.lm_head.weight' not in tied.state_dict()


def test_only_the_decoder_half_is_held(t5, decoder):
    names = {name.removeprefix('model.') for name in decoder.state_dict()}
    whole = {name for name in t5.state_dict() if not name.startswith('encoder.')}
    assert names == whole - {'decoder.embed_tokens.weight'}
    numbers = sum(p.numel() for p in decoder.parameters())
    assert numbers == sum(p.numel() for p in t5.parameters()) - sum(
        p.numel() for name, p in t5.encoder.named_parameters() if name != 'embed_tokens.weight'
    )


def test_encoder_and_decoder_share_no_weight(reference_t5, decoder):
    encoder = T5TextEncoder(str(reference_t5[1]))
    ours, theirs = decoder.model.shared.weight, encoder.model.shared.weight
    assert torch.equal(ours, theirs)
    assert ours.data_ptr() != theirs.data_ptr()


@pytest.mark.parametrize('keep_second_name', [False, True])
def test_state_dict_round_trip(decoder, tiny_tokenizer, encoded, keep_second_name):
    other = build_random(tiny_tokenizer, initializer_factor=1.0)
    state = {f'text.{name}': value for name, value in decoder.state_dict().items()}
    if keep_second_name:
        state['text.model.decoder.embed_tokens.weight'] = state['text.model.shared.weight']
    torch.nn.ModuleDict(dict(text=other)).load_state_dict(state)
    assert write(other, *encoded) == write(decoder, *encoded)


def test_missing_embedding_is_still_reported(decoder):
    state = decoder.state_dict()
    del state['model.shared.weight']
    with pytest.raises(RuntimeError, match=r'model\.shared\.weight'):
        decoder.load_state_dict(state)


def test_logits_and_text_depend_on_the_fused_embedding(decoder, encoded):
    fused, padding = encoded
    labels = decoder.tokenize(ANSWERS)
    changed = fused.clone()
    changed[0] = fused[1].flip(0)
    before, after = decoder.logits(fused, padding, labels), decoder.logits(changed, padding, labels)
    assert (before[0] - after[0]).abs().max() > 0.1
    assert torch.equal(before[1:], after[1:])
    assert write(decoder, fused, padding)[0] != write(decoder, changed, padding)[0]


def test_padding_is_neutral(decoder, encoded):
    fused, padding = encoded
    noise = torch.where(padding[..., None], 50 * torch.randn_like(fused), fused)
    longer = (
        torch.cat([noise, torch.randn(3, 5, 32)], dim=1),
        torch.nn.functional.pad(padding, (0, 5), value=1),
    )
    labels = decoder.tokenize(ANSWERS)
    expected = decoder.logits(fused, padding, labels)
    tolerance = dict(rtol=0, atol=1e-5 * float(expected.detach().abs().max()))
    torch.testing.assert_close(decoder.logits(*longer, labels), expected, **tolerance)
    assert write(decoder, *longer) == write(decoder, fused, padding)
    alone = fused[2:, ~padding[2]]
    torch.testing.assert_close(decoder.logits(alone, None, labels[2:]), expected[2:], **tolerance)


def test_longer_targets_beside_it_do_not_change_a_row(decoder, encoded):
    fused, padding = encoded
    losses = [decoder.loss(fused[i : i + 1], padding[i : i + 1], ANSWERS[i : i + 1]) for i in range(3)]
    counts = (decoder.tokenize(ANSWERS) != -100).sum(1)
    mean = (torch.stack(losses) * counts).sum() / counts.sum()
    torch.testing.assert_close(decoder.loss(fused, padding, ANSWERS), mean)


def test_mean_over_texts_weighs_a_word_like_a_sentence(decoder, encoded):
    """The loss is the mean of the losses of each text alone."""
    assert len({len(decoder.tokenizer(answer).input_ids) for answer in ANSWERS}) == 3
    rows = [slice(i, i + 1) for i in range(3)]
    single = [decoder.loss(*(part[row] for part in encoded), ANSWERS[row]) for row in rows]
    assert not torch.isclose(decoder.loss(*encoded, ANSWERS), torch.stack(single).mean())
    decoder.average = 'texts'
    torch.testing.assert_close(decoder.loss(*encoded, ANSWERS), torch.stack(single).mean())


def test_unknown_average_is_refused(tiny_tokenizer):
    with pytest.raises(InputError, match="average must be 'tokens' or 'texts', got 'mean'"):
        T5TextDecoder(CONFIG, str(tiny_tokenizer), average='mean')


def test_batch_order(decoder, encoded):
    fused, padding = encoded
    order = [2, 0, 1]
    answers = write(decoder, fused, padding)
    assert write(decoder, fused[order], padding[order]) == [answers[i] for i in order]
    assert [write(decoder, fused[i : i + 1], padding[i : i + 1])[0] for i in range(3)] == answers


def test_gradients_reach_the_whole_decoder_and_the_fused_embedding(decoder, encoded):
    fused, padding = encoded
    fused = fused.clone().requires_grad_()
    decoder.train().loss(fused, padding, ANSWERS).backward()
    assert all(p.grad.abs().sum() > 0 for p in decoder.parameters())
    assert (fused.grad.abs().sum(-1) > 0).equal(~padding)


def test_frozen_decoder_passes_the_gradient_on(decoder, encoded):
    fused, padding = encoded
    freeze([decoder])
    assert not decoder.loss(fused, padding, ANSWERS).requires_grad
    decoder.loss(fused.requires_grad_(), padding, ANSWERS).backward()
    assert fused.grad.abs().sum() > 0
    assert all(p.grad is None for p in decoder.parameters())


def test_empty_batch(decoder):
    fused, padding = torch.zeros(0, 4, 32, requires_grad=True), torch.zeros(0, 4, dtype=torch.bool)
    loss = decoder.loss(fused, padding, [])
    loss.backward()
    assert loss == 0
    assert all(p.grad is not None and not p.grad.any() for p in decoder.parameters())
    assert fused.grad is not None
    assert write(decoder, fused, padding) == []


def test_length_is_bounded(decoder, encoded):
    decoder.max_length = 8
    labels = decoder.tokenize(['cell ' * 100])
    assert labels.shape == (1, 8)
    assert labels[0, -1] == 1
    lengths = []
    decoder.model.decoder.register_forward_pre_hook(
        lambda module, args, kwargs: lengths.append(kwargs['input_ids'].size(1)), with_kwargs=True
    )
    decoder.generate(*encoded, num_beams=1, max_new_tokens=6)
    assert lengths == [1] * 6  # the key-value cache holds the rest


@pytest.mark.parametrize('bounds', [dict(num_beams=0), dict(max_new_tokens=0)])
def test_bounds_below_one_are_refused(decoder, encoded, bounds):
    with pytest.raises(ValueError, match='at least 1'):
        decoder.generate(*encoded, **bounds)


def test_generation_needs_evaluation_mode(decoder, encoded):
    with pytest.raises(RuntimeError, match=r'eval\(\)'):
        decoder.train().generate(*encoded)


def test_random_settings_of_a_checkpoint_are_not_used(t5, encoded, reference_t5, tmp_path):
    t5 = copy.deepcopy(t5)
    t5.generation_config.update(do_sample=True, temperature=5.0, repetition_penalty=9.0)
    t5.save_pretrained(tmp_path)
    other = T5TextDecoder(str(tmp_path), tokenizer=str(reference_t5[1])).eval()
    assert write(other, *encoded) == write(T5TextDecoder(str(reference_t5[1])).eval(), *encoded)


@pytest.mark.parametrize(
    ('fused', 'padding', 'message'),
    [
        (torch.zeros(3, 4, 31), None, r'\(bs, num_tokens, 32\)'),
        (torch.zeros(3, 32), None, r'\(bs, num_tokens, 32\)'),
        (torch.zeros(3, 4, 32), torch.zeros(3, 5, dtype=torch.bool), 'padding must be bool'),
        (torch.zeros(3, 4, 32), torch.zeros(3, 4), 'padding must be bool'),
        (torch.zeros(2, 4, 32), None, '2 fused embeddings, but 3 target texts'),
    ],
)
def test_wrong_shapes_are_named(decoder, fused, padding, message):
    with pytest.raises(ValueError, match=message):
        decoder.loss(fused, padding, ANSWERS)


def test_bfloat16(decoder, reference_t5, encoded):
    small = T5TextDecoder(str(reference_t5[1]), dtype='bfloat16').eval()
    assert {p.dtype for p in small.parameters()} == {torch.bfloat16}
    fused, padding = encoded
    fused = fused.clone().requires_grad_()
    loss = small.loss(fused, padding, ANSWERS)
    loss.backward()
    assert loss.dtype == fused.grad.dtype == torch.float32
    torch.testing.assert_close(loss, decoder.loss(*encoded, ANSWERS), rtol=0.05, atol=0)
    assert len(write(small, *encoded)) == 3
    assert small.loss(fused[:0], padding[:0], []).dtype == torch.float32


def test_autocast_does_not_reach_t5(decoder, encoded):
    expected, answers = decoder.loss(*encoded, ANSWERS), write(decoder, *encoded)
    with torch.autocast('cpu', torch.bfloat16):
        assert torch.equal(decoder.loss(*encoded, ANSWERS), expected)
        assert write(decoder, *encoded) == answers


def test_float16_is_refused(decoder, encoded, tiny_tokenizer):
    with pytest.raises(ValueError, match='text decoder dtype'):
        T5TextDecoder(CONFIG, tokenizer=str(tiny_tokenizer), dtype='float16')
    with pytest.raises(ValueError, match='overflows in float16'):
        decoder.half().generate(*encoded)


def test_start_token_defaults_to_padding(tiny_tokenizer):
    config = {name: value for name, value in CONFIG.items() if name != 'decoder_start_token_id'}
    decoder = MODELS.build(dict(type='unihema_mm.T5TextDecoder', model=config, tokenizer=str(tiny_tokenizer)))
    assert decoder.model.config.decoder_start_token_id == 0
    assert decoder.loss(torch.rand(1, 2, 32), None, ['Malaria']) > 0


def test_init_weights_keeps_loaded_weights(decoder):
    before = decoder.model.lm_head.weight.clone()
    decoder.init_weights()
    assert torch.equal(decoder.model.lm_head.weight, before)


def test_checkpoint_without_decoder_is_refused(reference_t5, tmp_path):
    T5TextEncoder(str(reference_t5[1])).model.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r'lacks \d+ weights of the text decoder'):
        T5TextDecoder(str(tmp_path), tokenizer=str(reference_t5[1]))


def test_missing_model_names_the_mend(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'text_decoder\.model'):
        T5TextDecoder(str(tmp_path / 'absent'))


def test_tokenizer_must_end_texts(tiny_tokenizer):
    with pytest.raises(ValueError, match='learn to stop'):
        build_random(tiny_tokenizer, eos_token_id=2)
