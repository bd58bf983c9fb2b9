"""T5 text encoder with a cache for frozen prompts."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from mmengine.model import BaseModule
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import T5EncoderModel

from unihema_mm.models.text.t5_weights import build_t5, t5_weight
from unihema_mm.models.text.tokenizer import tokenizer_fingerprint
from unihema_mm.registry import MODELS
from unihema_mm.utils.errors import InputError


class TextFeatures(NamedTuple):
    """Encoded texts of a batch.

    Attributes:
        tokens (Tensor): float32, (bs, num_tokens, dims); zero at padding, or T5's own output there with
            ``pad_to_max_length``.
        padding (Tensor): Bool, (bs, num_tokens), True at padding.
    """

    tokens: Tensor
    padding: Tensor


@MODELS.register_module()
class T5TextEncoder(BaseModule):
    """Encoder half of T5 (Uni-Hema's E_T).

    While its parameters are frozen, each distinct text is encoded once, by itself,
    and kept; a data set has a handful of prompts, so the branch then costs a
    look-up.

    Args:
        model (str | dict): Hugging Face name ('google/flan-t5-base'), local
            folder, or the fields of a ``transformers.T5Config`` for a model with
            random weights.
        tokenizer (str, optional): Tokenizer folder or name. Defaults to
            ``model`` where that is a name.
        max_length (int): Longest text in tokens; the rest is cut. Defaults to 64
            as in the released code.
        pad_to_max_length (bool): Give every text ``max_length`` tokens, those
            behind its end being what T5 makes of its padding token, as in the
            released code. Defaults to False.
        dtype (str): 'float32' or 'bfloat16'. T5 overflows in float16.
        cache_size (int): Distinct texts kept while frozen. Defaults to 1024.
        init_cfg (dict, optional): Initialisation config of mmengine.

    Raises:
        InputError: If ``dtype`` is neither of the two, the vocabulary of the
            tokenizer exceeds that of the model, or no tokenizer is given.
        MissingFileError: If weights or tokenizer cannot be found.
    """

    def __init__(
        self,
        model: str | dict,
        tokenizer: str | None = None,
        max_length: int = 64,
        pad_to_max_length: bool = False,
        dtype: str = 'float32',
        cache_size: int = 1024,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.model, self.tokenizer = build_t5(T5EncoderModel, model, tokenizer, dtype, part='text_encoder')
        self.max_length = max_length
        self.pad_to_max_length = pad_to_max_length
        self.cache_size = cache_size
        self._cache: OrderedDict[str, tuple[Tensor, int]] = OrderedDict()
        self.register_buffer('tokenizer_fingerprint', tokenizer_fingerprint(self.tokenizer))
        self.register_load_state_dict_pre_hook(_before_loading)

    def init_weights(self) -> None:
        """Keep the weights: transformers has loaded or drawn them when the model was built."""

    @property
    def dims(self) -> int:
        """Width of the text features."""
        return self.model.config.d_model

    @property
    def frozen(self) -> bool:
        """Whether no parameter is trained and dropout is off, so that texts can be cached."""
        return not self.training and not any(p.requires_grad for p in self.parameters())

    def forward(self, texts: Sequence[str]) -> TextFeatures:
        """Encode a batch of texts.

        Args:
            texts (Sequence[str]): bs texts.

        Returns:
            TextFeatures: Features as wide as the longest text of the batch, or as ``max_length``.
        """
        if self.frozen:
            with torch.no_grad():
                encoded = self._look_up(texts)
        else:
            self._cache.clear()
            encoded = self._encode(texts)
        tokens = pad_sequence([rows for rows, _ in encoded], batch_first=True)
        lengths = torch.tensor([length for _, length in encoded], device=tokens.device)
        padding = torch.arange(tokens.size(1), device=tokens.device) >= lengths[:, None]
        return TextFeatures(tokens, padding)

    def _look_up(self, texts: Sequence[str]) -> list[tuple[Tensor, int]]:
        for text in texts:
            if text not in self._cache:
                # Alone: in a batch its last digits would depend on what is missing beside it, so on what the
                # process has seen before, and a resumed training would leave the path of an unbroken one.
                self._cache[text] = self._encode([text])[0]
        encoded = [self._cache[text] for text in texts]
        for text in texts:
            self._cache.move_to_end(text)
        while len(self._cache) > self.cache_size:
            self._cache.popitem(last=False)
        return encoded

    def _encode(self, texts: Sequence[str]) -> list[tuple[Tensor, int]]:
        """Tokens of each text, float32, (num_tokens_i, dims), and how many of them are valid."""
        weight = t5_weight(self.model)
        batch = self.tokenizer(
            list(texts),
            padding='max_length' if self.pad_to_max_length else True,
            truncation=True,
            max_length=self.max_length,
            return_tensors='pt',
        ).to(weight.device)
        with torch.autocast(weight.device.type, enabled=False):
            hidden = self.model(
                input_ids=batch['input_ids'], attention_mask=batch['attention_mask']
            ).last_hidden_state.float()
        lengths = batch['attention_mask'].sum(dim=1).tolist()
        if self.pad_to_max_length:
            return list(zip(hidden, lengths, strict=True))
        return [(rows[:length], length) for rows, length in zip(hidden, lengths, strict=True)]

    def _apply(self, fn: Callable, *args, **kwargs) -> 'T5TextEncoder':
        self._cache.clear()  # its tensors would stay on the old device
        return super()._apply(fn, *args, **kwargs)


def _before_loading(module: T5TextEncoder, state_dict: dict, prefix: str, *_) -> None:
    """Empty the cache, and refuse weights that were trained with other token ids."""
    module._cache.clear()
    trained_with = state_dict.get(f'{prefix}tokenizer_fingerprint')
    if trained_with is None:
        return
    if not torch.equal(trained_with.cpu().float(), module.tokenizer_fingerprint.cpu().float()):
        raise InputError(
            f'tokenizer {module.tokenizer.name_or_path!r} is not the one the checkpoint was trained with; '
            'give that one in model.text_encoder.tokenizer'
        )
