"""One half of T5 at a time: building it, its number format and its tokenizer."""

import copy

import torch
from torch import Tensor, nn
from transformers import (
    PreTrainedModel,
    PreTrainedTokenizerBase,
    T5Config,
    T5ForConditionalGeneration,
)

from unihema_mm.models.text.tokenizer import load_tokenizer
from unihema_mm.utils.errors import InputError, MissingFileError

DTYPES = {'float32': torch.float32, 'bfloat16': torch.bfloat16}


class T5DecoderModel(T5ForConditionalGeneration):
    """T5 without its encoder, as ``transformers.T5EncoderModel`` is T5 without its decoder.

    It reads encoder outputs only (``encoder_outputs=...``). Weights keep T5's
    names; those of the encoder are left aside when a whole checkpoint is loaded.

    Args:
        config (T5Config): Config of the whole T5. ``decoder_start_token_id``
            defaults to the padding token, T5's start token.
    """

    _keys_to_ignore_on_load_unexpected = [
        *T5ForConditionalGeneration._keys_to_ignore_on_load_unexpected,
        r'^encoder\.',
    ]

    def __init__(self, config: T5Config) -> None:
        config = copy.deepcopy(config)
        config.num_layers = 1  # transformers builds no T5 without an encoder block; removed below
        if config.decoder_start_token_id is None:
            config.decoder_start_token_id = config.pad_token_id
        super().__init__(config)
        self.config.num_layers = config.num_decoder_layers  # sizes the key-value cache
        # A parameter that never gets a gradient would stop distributed training.
        self.encoder.block = nn.ModuleList()
        self.encoder.final_layer_norm = nn.Identity()


def build_t5(
    model_class: type[PreTrainedModel],
    model: str | dict,
    tokenizer: str | None,
    dtype: str,
    part: str,
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load or draw half of T5 and load its tokenizer.

    Args:
        model_class (type): ``transformers.T5EncoderModel`` or :class:`T5DecoderModel`.
        model (str | dict): Hugging Face name, local folder, or the fields of a
            ``transformers.T5Config`` for random weights.
        tokenizer (str, optional): Tokenizer folder or name; None takes ``model``.
        dtype (str): 'float32' or 'bfloat16'.
        part (str): Key of the half in the model config, 'text_encoder' or
            'text_decoder', for messages.

    Returns:
        tuple: The model and its tokenizer.

    Raises:
        InputError: If ``dtype`` is neither of the two, no tokenizer is given, the
            vocabulary of the tokenizer exceeds that of the model or is far below
            that of a pretrained one, or the
            checkpoint lacks weights of this half.
        MissingFileError: If weights or tokenizer cannot be found.
    """
    label = part.replace('_', ' ')
    if dtype not in DTYPES:
        raise InputError(
            f'{label} dtype must be one of {sorted(DTYPES)} (T5 overflows in float16), got {dtype!r}'
        )
    if tokenizer is None and not isinstance(model, str):
        raise InputError(f'{label} with random weights needs tokenizer=FOLDER')
    built = model_class(T5Config(**model)) if not isinstance(model, str) else _load(model_class, model, part)
    loaded = load_tokenizer(tokenizer or model)
    if len(loaded) > built.config.vocab_size:
        raise InputError(
            f'tokenizer {tokenizer!r} has {len(loaded)} tokens, the text model only '
            f'{built.config.vocab_size}; set vocab_size of the model config at least as high'
        )
    if isinstance(model, str) and tokenizer and 2 * len(loaded) < built.config.vocab_size:
        raise InputError(
            f'tokenizer {tokenizer!r} has {len(loaded)} tokens, the pretrained text model {model!r} '
            f'{built.config.vocab_size}: its weights belong to another tokenizer; leave out '
            f'model.{part}.tokenizer'
        )
    return built.to(DTYPES[dtype]), loaded


def t5_weight(model: PreTrainedModel) -> Tensor:
    """Embedding of T5, whose device and number format its inputs take.

    Raises:
        InputError: If the model was cast to float16.
    """
    weight = model.get_input_embeddings().weight
    if weight.dtype == torch.float16:
        raise InputError('T5 overflows in float16; use float32 or bfloat16')
    return weight


def _load(model_class: type[PreTrainedModel], model: str, part: str) -> PreTrainedModel:
    try:
        built, info = model_class.from_pretrained(model, output_loading_info=True)
    except (OSError, ValueError) as error:
        raise MissingFileError(
            f'text model {model!r} cannot be read; give a local folder in model.{part}.model, or '
            f'fetch it on a machine with network access ({str(error).splitlines()[0]})'
        ) from error
    missing = sorted(info['missing_keys'])
    if missing:
        raise InputError(
            f'text model {model!r} lacks {len(missing)} weights of the {part.replace("_", " ")}, '
            f'e.g. {missing[0]}; give a checkpoint of the whole T5 in model.{part}.model'
        )
    return built
