"""T5 text encoder: equality with transformers, cache, number formats."""

import pytest
import torch
from transformers import T5Config, T5EncoderModel

from unihema_mm.models import T5TextEncoder
from unihema_mm.models.text.tokenizer import train_tokenizer
from unihema_mm.utils.errors import InputError
from unihema_mm.utils.freezing import freeze

CONFIG = dict(vocab_size=512, d_model=32, d_kv=8, d_ff=64, num_layers=2, num_heads=4)
TEXTS = ['Malaria', 'This image is for the detection of complete blood count cells', 'Malaria']


@pytest.fixture
def encoder(tiny_tokenizer):
    torch.manual_seed(0)
    encoder = T5TextEncoder(CONFIG, tokenizer=str(tiny_tokenizer))
    freeze([encoder])
    return encoder


@pytest.fixture
def count_calls(encoder):
    calls = []
    encoder.model.register_forward_pre_hook(
        lambda module, args, kwargs: calls.append(len(kwargs['input_ids'])), with_kwargs=True
    )
    return calls


def test_equals_transformers(encoder):
    features = encoder(TEXTS)
    for index, text in enumerate(TEXTS):
        alone = encoder.model(**encoder.tokenizer(text, return_tensors='pt')).last_hidden_state[0]
        valid = ~features.padding[index]
        torch.testing.assert_close(features.tokens[index, valid], alone)
        assert features.tokens[index, ~valid].abs().sum() == 0
    assert not features.tokens.requires_grad


def test_fixed_length_keeps_what_t5_makes_of_padding(encoder, tiny_tokenizer):
    fixed = T5TextEncoder(CONFIG, tokenizer=str(tiny_tokenizer), max_length=40, pad_to_max_length=True)
    fixed.load_state_dict(encoder.state_dict())
    freeze([fixed])
    expected = encoder(TEXTS)
    width = expected.tokens.size(1)
    for features in (fixed(TEXTS), fixed(TEXTS)):  # the second time from the cache
        assert features.tokens.shape == (3, 40, 32)
        assert torch.equal(features.padding[:, :width], expected.padding)
        assert features.padding[:, width:].all()
        valid = ~expected.padding
        torch.testing.assert_close(features.tokens[:, :width][valid], expected.tokens[valid])
        assert features.tokens[features.padding].abs().amax(dim=-1).min() > 0


def test_each_text_is_encoded_once_while_frozen(encoder, count_calls):
    first = encoder(TEXTS)
    second = encoder(TEXTS[::-1])
    assert count_calls == [1, 1]
    torch.testing.assert_close(first.tokens[1], second.tokens[1])


def test_what_was_encoded_before_leaves_no_trace(encoder):
    """A resumed training, whose cache is empty, must see the features of an unbroken one."""
    texts = [*TEXTS, 'blast ' * 9, 'Are there more platelets than white blood cells?']
    at_once = encoder(texts).tokens
    encoder.load_state_dict(encoder.state_dict())  # empties the cache
    for text, tokens in reversed([*zip(texts, at_once, strict=True)]):
        alone = encoder([text]).tokens[0]
        assert torch.equal(tokens[: len(alone)], alone)


def test_trained_encoder_is_never_cached(encoder, count_calls):
    encoder.requires_grad_(True)
    encoder(TEXTS).tokens.sum().backward()
    encoder(TEXTS)
    assert count_calls == [3, 3]
    assert encoder.model.shared.weight.grad.abs().sum() > 0


def test_new_weights_empty_the_cache(encoder):
    before = encoder(TEXTS).tokens
    encoder.load_state_dict(
        {
            name: value * 1.5 if name.startswith('model.') else value
            for name, value in encoder.state_dict().items()
        }
    )
    assert not torch.allclose(encoder(TEXTS).tokens, before)


def test_cache_is_bounded(encoder, count_calls):
    encoder.cache_size = 2
    encoder(['a', 'b', 'c'])
    encoder(['b', 'c'])
    encoder(['a'])
    assert count_calls == [1, 1, 1, 1]


def test_long_text_is_cut(encoder):
    encoder.max_length = 8
    assert encoder(['cell ' * 100]).tokens.size(1) == 8


def test_init_weights_keeps_loaded_weights(encoder):
    before = encoder.model.shared.weight.clone()
    torch.manual_seed(1)
    encoder.init_weights()
    assert torch.equal(encoder.model.shared.weight, before)


def test_bfloat16_weights_give_float32_features(tiny_tokenizer):
    encoder = T5TextEncoder(CONFIG, tokenizer=str(tiny_tokenizer), dtype='bfloat16')
    assert encoder.model.shared.weight.dtype == torch.bfloat16
    assert encoder(['Malaria']).tokens.dtype == torch.float32


def test_autocast_does_not_reach_t5(encoder):
    expected = encoder._encode(['Malaria'])[0][0]
    with torch.autocast('cpu', torch.bfloat16):
        assert torch.equal(encoder._encode(['Malaria'])[0][0], expected)


def test_float16_is_refused(encoder, tiny_tokenizer):
    with pytest.raises(ValueError, match='overflows in float16'):
        T5TextEncoder(CONFIG, tokenizer=str(tiny_tokenizer), dtype='float16')
    with pytest.raises(ValueError, match='overflows in float16'):
        encoder.half()(['Malaria'])


def test_vocabulary_must_fit(tiny_tokenizer):
    with pytest.raises(ValueError, match='vocab_size'):
        T5TextEncoder({**CONFIG, 'vocab_size': 120}, tokenizer=str(tiny_tokenizer))


def test_random_model_needs_a_tokenizer():
    with pytest.raises(ValueError, match='tokenizer=FOLDER'):
        T5TextEncoder(CONFIG)


def test_pretrained_folder(encoder, tmp_path):
    encoder.model.save_pretrained(tmp_path)
    encoder.tokenizer.save_pretrained(tmp_path)
    loaded = T5TextEncoder(str(tmp_path))
    freeze([loaded])
    torch.testing.assert_close(loaded(TEXTS).tokens, encoder(TEXTS).tokens)


def test_missing_model_names_the_mend(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'text_encoder\.model'):
        T5TextEncoder(str(tmp_path / 'absent'))


def test_weights_of_another_tokenizer_are_refused(encoder, tmp_path):
    train_tokenizer(['entirely different words'], tmp_path, vocab_size=256)
    other = T5TextEncoder(CONFIG, tokenizer=str(tmp_path))
    with pytest.raises(InputError, match='not the one the checkpoint was trained with'):
        other.load_state_dict(encoder.state_dict())
    other.load_state_dict(encoder.model.state_dict(prefix='model.'), strict=False)  # plain T5 weights


def test_pretrained_model_refuses_a_small_tokenizer(tmp_path, tiny_tokenizer):
    T5EncoderModel(T5Config(**{**CONFIG, 'vocab_size': 2048})).save_pretrained(tmp_path)
    with pytest.raises(InputError, match='belong to another tokenizer'):
        T5TextEncoder(str(tmp_path), tokenizer=str(tiny_tokenizer))
