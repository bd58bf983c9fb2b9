"""Training and loading of tokenizers."""

import pytest
from transformers import AutoTokenizer

from unihema_mm.models.text.tokenizer import load_tokenizer, train_tokenizer
from unihema_mm.utils.errors import InputError

TEXTS = ['This image is for the detection of Malaria cells', 'How many red cells are there?', 'twelve']


def test_layout_is_that_of_t5(tmp_path):
    tokenizer = train_tokenizer(TEXTS, tmp_path, vocab_size=256)
    assert tokenizer.convert_ids_to_tokens([0, 1, 2]) == ['<pad>', '</s>', '<unk>']
    assert tokenizer.convert_ids_to_tokens(len(tokenizer) - 1) == '<extra_id_0>'
    assert len(tokenizer) <= 256
    assert tokenizer('cells').input_ids[-1] == tokenizer.eos_token_id


def test_saved_folder_is_a_hugging_face_folder(tmp_path):
    train_tokenizer(TEXTS, tmp_path, vocab_size=256)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    text = 'Zebra <extra_id_0> has 3% ~new~ "words"; <extra_id_0>.'
    ids = tokenizer(text).input_ids
    assert tokenizer.unk_token_id not in ids
    assert ids.count(tokenizer.convert_tokens_to_ids('<extra_id_0>')) == 2
    plain = 'Zebra has 3% ~new~ "words".'
    assert tokenizer.decode(tokenizer(plain).input_ids, skip_special_tokens=True) == plain


def test_same_corpus_same_files(tmp_path):
    for name, texts in (('a', TEXTS), ('b', [*TEXTS[::-1], '  ', TEXTS[0]])):
        train_tokenizer(texts, tmp_path / name, vocab_size=256)
    assert (tmp_path / 'a/tokenizer.json').read_bytes() == (tmp_path / 'b/tokenizer.json').read_bytes()


@pytest.mark.parametrize(
    ('texts', 'size', 'message'), [([], 256, 'no text'), (['  '], 256, 'no text'), (TEXTS, 100, 'too small')]
)
def test_impossible_requests_are_refused(tmp_path, texts, size, message):
    with pytest.raises(ValueError, match=message):
        train_tokenizer(texts, tmp_path, vocab_size=size)


def test_missing_folder_names_the_mend(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'prepare_data\.py'):
        load_tokenizer(str(tmp_path / 'absent'))


@pytest.mark.parametrize('name', ['data/tokenizer', './tokenizer', 'a/b/c', '~/x'])
def test_missing_path_asks_no_hub(name, monkeypatch):
    monkeypatch.setattr('transformers.AutoTokenizer.from_pretrained', lambda name: pytest.fail('asked'))
    with pytest.raises(InputError, match=r'tokenizer folder .* not found'):
        load_tokenizer(name)
