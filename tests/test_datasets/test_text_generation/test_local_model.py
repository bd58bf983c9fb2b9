import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel, T5Config, T5ForConditionalGeneration

from unihema_mm.datasets.text_generation import LocalModelRewriter, add_texts
from unihema_mm.models.text.tokenizer import train_tokenizer
from unihema_mm.registry import TASK_UTILS
from unihema_mm.utils.errors import InputError


@pytest.fixture(params=['t5', 'gpt2'])
def model(request, tmp_path):
    """Folder of a tiny model with random weights."""
    torch.manual_seed(0)
    tokenizer = train_tokenizer(['Are there more platelets in this field?'], tmp_path / 'model', 512)
    size = {'vocab_size': len(tokenizer), 'pad_token_id': 0, 'eos_token_id': 1}
    if request.param == 't5':
        config = T5Config(
            d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2, decoder_start_token_id=0, **size
        )
        built = T5ForConditionalGeneration(config)
    else:
        config = GPT2Config(n_embd=16, n_layer=1, n_head=2, n_positions=512, bos_token_id=1, **size)
        built = GPT2LMHeadModel(config)
    built.save_pretrained(tmp_path / 'model')
    return tmp_path / 'model'


def test_one_result_per_text_whatever_the_batch(model):
    texts = ['Are there more platelets in this field?', 'How many?', 'Is it big?']
    one = LocalModelRewriter(model, batch_size=1, max_new_tokens=8).rewrite(texts)
    rewriter = TASK_UTILS.build({'type': 'LocalModelRewriter', 'path': str(model), 'max_new_tokens': 8})
    assert len(one) == 3 and all(isinstance(text, str) for text in one)
    assert rewriter.rewrite(texts[:1]) == one[:1] and rewriter.rewrite([]) == []
    assert rewriter.rewrite(texts) == rewriter.rewrite(texts)


def test_nonsense_is_thrown_away(model, makers, write_set):
    root = write_set(makers['cells'](images=20))
    add_texts(root, questions_per_image=1)
    plain = (root / 'annotations' / 'train.json').read_bytes()
    report = add_texts(root, questions_per_image=1, rewriter=LocalModelRewriter(model, max_new_tokens=4))
    assert report.rewriting.used == 0 and report.rewriting.rejected == report.rewriting.texts > 5
    assert (root / 'annotations' / 'train.json').read_bytes() == plain


def test_no_model_there(tmp_path):
    with pytest.raises(InputError, match=r'holds no config\.json; name the folder'):
        LocalModelRewriter(tmp_path)
    (tmp_path / 'config.json').write_text('{"model_type": "t5", "is_encoder_decoder": true}')
    with pytest.raises(InputError, match='rewriter: cannot be loaded'):
        LocalModelRewriter(tmp_path)
    with pytest.raises(InputError, match=r'has no {text}'):
        LocalModelRewriter(tmp_path, instruction='paraphrase')
