"""Tokenizers of the T5 branch: load one, or train a small one from a corpus."""

import hashlib
import json
import tempfile
from collections.abc import Iterable
from pathlib import Path

import torch
from tokenizers import Regex, Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer
from torch import Tensor
from transformers import AutoTokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from unihema_mm.utils.atomic import write_bytes
from unihema_mm.utils.errors import InputError, MissingFileError

NUM_SENTINELS = 100
SPECIAL_TOKENS = ['<pad>', '</s>', '<unk>']  # ids 0, 1 and 2, as in T5


def train_tokenizer(
    texts: Iterable[str], out_dir: str | Path, vocab_size: int = 1024
) -> PreTrainedTokenizerFast:
    """Train a small tokenizer with T5's special tokens and save it as a Hugging Face folder.

    The sub-words are byte-pair encodings, not T5's unigrams: their trainer gives
    the same files for the same corpus, that of the unigrams does not.

    The vocabulary begins with ``<pad> </s> <unk>`` and ends with the sentinels
    ``<extra_id_99> ... <extra_id_0>``, as T5's does. Letters, digits and
    punctuation of ASCII are always in it, so that no English text becomes unknown.

    Args:
        texts (Iterable[str]): Corpus; at least one non-empty text.
        out_dir (str | Path): Folder to write (``tokenizer.json`` and its config).
        vocab_size (int): Largest size of the vocabulary, sentinels included.

    Returns:
        PreTrainedTokenizerFast: The tokenizer that was saved.

    Raises:
        InputError: If the corpus is empty or ``vocab_size`` leaves no room.
    """
    texts = sorted({text.strip() for text in texts} - {''})
    if not texts:
        raise InputError('no text to train a tokenizer on: the annotation files hold no prompt or sentence')
    alphabet = [chr(code) for code in range(33, 127)]
    room = vocab_size - NUM_SENTINELS
    if room <= len(alphabet) + len(SPECIAL_TOKENS):
        raise InputError(f'vocab_size {vocab_size} is too small; 256 is the least that is useful')
    tokenizer = Tokenizer(BPE(unk_token='<unk>'))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Replace(Regex(' {2,}'), ' ')]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    trainer = BpeTrainer(
        vocab_size=room,
        special_tokens=SPECIAL_TOKENS,
        initial_alphabet=alphabet,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single='$A </s>', pair='$A </s> $B </s>', special_tokens=[('</s>', 1)]
    )
    sentinels = [f'<extra_id_{number}>' for number in reversed(range(NUM_SENTINELS))]
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token='<pad>',
        eos_token='</s>',
        unk_token='<unk>',
        additional_special_tokens=sentinels,
        model_input_names=['input_ids', 'attention_mask'],
    )
    with tempfile.TemporaryDirectory() as folder:
        fast.save_pretrained(folder)
        # tokenizer.json last: where it is, the folder is complete.
        for file in sorted(
            Path(folder).iterdir(), key=lambda file: (file.name == 'tokenizer.json', file.name)
        ):
            write_bytes(Path(out_dir) / file.name, file.read_bytes())
    return fast


def tokenizer_fingerprint(tokenizer: PreTrainedTokenizerBase) -> Tensor:
    """Numbers that change with the vocabulary of a tokenizer.

    Args:
        tokenizer (PreTrainedTokenizerBase): Any tokenizer.

    Returns:
        Tensor: float32, (8,), whole numbers from 0 to 255, which survive a cast to
        bfloat16 and the averaging of buffers between processes.
    """
    vocabulary = json.dumps(tokenizer.get_vocab(), sort_keys=True).encode()
    return torch.tensor(list(hashlib.sha256(vocabulary).digest()[:8]), dtype=torch.float32)


def load_tokenizer(name_or_path: str) -> PreTrainedTokenizerBase:
    """Load a tokenizer from a folder or a Hugging Face name.

    Args:
        name_or_path (str): Folder, or a name such as 'google/flan-t5-base'.

    Returns:
        PreTrainedTokenizerBase: The tokenizer; it pads on the right.

    Raises:
        MissingFileError: If it is neither a folder nor a name that can be reached.
    """
    mend = (
        f'give a folder made by "python tools/prepare_data.py tokenizer DATA --out {name_or_path}" or the '
        'name of one on the Hugging Face Hub'
    )
    is_path = name_or_path.count('/') > 1 or name_or_path.startswith(('.', '/', '~', 'data/'))
    if is_path and not Path(name_or_path).is_dir():  # a hub would be asked for minutes
        raise MissingFileError(f'tokenizer folder {name_or_path!r} not found; {mend}')
    try:
        tokenizer = AutoTokenizer.from_pretrained(name_or_path)
    except (OSError, ValueError) as error:
        raise MissingFileError(
            f'tokenizer {name_or_path!r} cannot be read; {mend} ({str(error).splitlines()[0]})'
        ) from error
    return tokenizer
