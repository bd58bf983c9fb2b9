"""T5 text decoder: sentences from fused multimodal embeddings."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn
from transformers import GenerationConfig
from transformers.modeling_outputs import BaseModelOutput

from unihema_mm.models.text.t5_weights import T5DecoderModel, build_t5, t5_weight
from unihema_mm.registry import MODELS
from unihema_mm.utils.errors import InputError

IGNORED = -100  # label of positions that are no target


@MODELS.register_module()
class T5TextDecoder(BaseModule):
    """Decoder half of T5 (Uni-Hema's D_T), which writes the text from the output of CMF.

    All it knows of image and question is the fused embedding. (The released code
    generates from the question alone, so its answers cannot depend on the image.)

    It holds T5's decoder, output layer and an own copy of the token embedding, no
    weight of the encoder. In T5 encoder and decoder share the embedding; here
    the two halves are trained in different stages, and a shared table would
    change a frozen encoder when the decoder is trained. Both copies start equal
    when both halves are loaded from one checkpoint. The state dict names each
    weight once.

    Args:
        model (str | dict): Hugging Face name ('google/flan-t5-base'), local
            folder, or the fields of a ``transformers.T5Config`` for a model with
            random weights.
        tokenizer (str, optional): Tokenizer folder or name. Defaults to
            ``model`` where that is a name.
        max_length (int): Longest target in tokens, end token included; the rest
            is cut. Defaults to 64 as in the released code.
        average (str): What the loss is the mean of: 'tokens' of the batch (T5,
            the released code), or 'texts', each with the mean of its tokens, so
            that a one-word answer counts as much as a sentence. Defaults to 'tokens'.
        dtype (str): 'float32' or 'bfloat16'. T5 overflows in float16.
        init_cfg (dict, optional): Initialisation config of mmengine.

    Raises:
        InputError: If ``dtype`` or ``average`` is neither of its two, the tokenizer does not
            fit the model, no tokenizer is given, or the checkpoint has no decoder.
        MissingFileError: If weights or tokenizer cannot be found.
    """

    def __init__(
        self,
        model: str | dict,
        tokenizer: str | None = None,
        max_length: int = 64,
        average: str = 'tokens',
        dtype: str = 'float32',
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if average not in ('tokens', 'texts'):
            raise InputError(f"text_decoder: average must be 'tokens' or 'texts', got {average!r}")
        self.average = average
        self.model, self.tokenizer = build_t5(T5DecoderModel, model, tokenizer, dtype, part='text_decoder')
        config = self.model.config
        if self.tokenizer('').input_ids != [config.eos_token_id]:
            raise InputError(
                f'tokenizer {tokenizer or model!r} does not end a text with the end token of the text model '
                f'(id {config.eos_token_id}), so the decoder would never learn to stop; use one of T5'
            )
        self.max_length = max_length
        # A checkpoint may bring settings that make generation random.
        self.model.generation_config = GenerationConfig(
            decoder_start_token_id=config.decoder_start_token_id,
            eos_token_id=config.eos_token_id,
            pad_token_id=config.pad_token_id,
        )
        self.model.register_state_dict_post_hook(_drop_second_names)
        self.model.register_load_state_dict_pre_hook(_add_second_names)

    def init_weights(self) -> None:
        """Keep the weights: transformers has loaded or drawn them when the model was built."""

    @property
    def dims(self) -> int:
        """Width of the fused embeddings."""
        return self.model.config.d_model

    def tokenize(self, targets: Sequence[str]) -> Tensor:
        """Labels of target sentences.

        Args:
            targets (Sequence[str]): bs sentences; an empty one is the end token alone.

        Returns:
            Tensor: int64, (bs, num_targets), -100 behind the end token.
        """
        batch = self.tokenizer(
            list(targets), padding=True, truncation=True, max_length=self.max_length, return_tensors='pt'
        )
        labels = batch['input_ids'].masked_fill(batch['attention_mask'] == 0, IGNORED)
        return labels.to(t5_weight(self.model).device)

    def logits(self, fused: Tensor, padding: Tensor | None, labels: Tensor) -> Tensor:
        """Teacher-forced logits of each target token, given those before it.

        Args:
            fused (Tensor): Fused embeddings, (bs, num_tokens, dims).
            padding (Tensor, optional): Bool, (bs, num_tokens), True at padding.
                Each row needs at least one valid token. None where none is padding.
            labels (Tensor): Target ids, (bs, num_targets), -100 at padding.

        Returns:
            Tensor: float32, (bs, num_targets, vocab_size).
        """
        inputs = self._encoder_outputs(fused, padding)
        with torch.autocast(fused.device.type, enabled=False):
            return self.model(
                **inputs,
                decoder_input_ids=self.model.prepare_decoder_input_ids_from_labels(labels),
                use_cache=False,
            ).logits.float()

    def loss(self, fused: Tensor, padding: Tensor | None, targets: Sequence[str]) -> Tensor:
        """Cross-entropy of target sentences under teacher forcing.

        Args:
            fused (Tensor): Fused embeddings, (bs, num_tokens, dims).
            padding (Tensor, optional): Bool, (bs, num_tokens), True at padding.
            targets (Sequence[str]): bs sentences.

        Returns:
            Tensor: float32 scalar, the mean over what ``average`` says. Of an empty
            batch it is zero and still depends on every parameter.

        Raises:
            InputError: If the shapes or the number of targets do not fit.
        """
        if len(targets) != len(fused):
            raise InputError(f'text decoder: {len(fused)} fused embeddings, but {len(targets)} target texts')
        if not targets:
            nothing = [tensor.flatten()[:0].float() for tensor in (fused, *self.parameters())]
            return torch.cat(nothing).sum()
        labels = self.tokenize(targets)
        logits = self.logits(fused, padding, labels).transpose(1, 2)
        if self.average == 'tokens':
            return F.cross_entropy(logits, labels, ignore_index=IGNORED)
        entropy = F.cross_entropy(logits, labels, ignore_index=IGNORED, reduction='none')
        return (entropy.sum(dim=1) / (labels != IGNORED).sum(dim=1)).mean()

    @torch.no_grad()
    def generate(
        self, fused: Tensor, padding: Tensor | None, num_beams: int = 4, max_new_tokens: int = 64
    ) -> list[str]:
        """Write one sentence per fused embedding, always the same for the same input.

        Args:
            fused (Tensor): Fused embeddings, (bs, num_tokens, dims).
            padding (Tensor, optional): Bool, (bs, num_tokens), True at padding.
            num_beams (int): Width of the beam search; 1 is greedy. Defaults to 4
                as in the released code.
            max_new_tokens (int): Most tokens written, end token included.

        Returns:
            list[str]: bs sentences without special tokens.

        Raises:
            InputError: If a bound is below one or the shapes do not fit.
            RuntimeError: If the module is in training mode.
        """
        if min(num_beams, max_new_tokens) < 1:
            raise InputError(
                f'text decoder: num_beams and max_new_tokens must be at least 1, '
                f'got {num_beams} and {max_new_tokens}'
            )
        if self.model.training:
            raise RuntimeError('text decoder: call eval() before generate(); dropout makes the text random')
        if not len(fused):
            return []
        inputs = self._encoder_outputs(fused, padding)
        with torch.autocast(fused.device.type, enabled=False):
            ids = self.model.generate(
                **inputs, num_beams=num_beams, max_new_tokens=max_new_tokens, do_sample=False, use_cache=True
            )
        return self.tokenizer.batch_decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)

    def _encoder_outputs(self, fused: Tensor, padding: Tensor | None) -> dict:
        """Check the fused embeddings and pass them off as the output of T5's encoder."""
        weight = t5_weight(self.model)
        if fused.dim() != 3 or fused.size(-1) != self.dims:
            raise InputError(
                f'text decoder: fused embeddings must be (bs, num_tokens, {self.dims}), '
                f'got {tuple(fused.shape)}; set the output width of the fusion to that of the text model'
            )
        if padding is None:
            padding = fused.new_zeros(fused.shape[:2], dtype=torch.bool)
        if padding.dtype != torch.bool or padding.shape != fused.shape[:2]:
            raise InputError(
                f'text decoder: padding must be bool {tuple(fused.shape[:2])}, True at padding, '
                f'got {padding.dtype} {tuple(padding.shape)}'
            )
        return dict(
            encoder_outputs=BaseModelOutput(last_hidden_state=fused.to(weight.dtype)),
            attention_mask=(~padding).long(),
        )


def _second_names(model: nn.Module) -> dict[str, str]:
    """Further names of weights that a model holds twice, each with the first name."""
    first: dict[Tensor, str] = {}
    names = ((name, first.setdefault(p, name)) for name, p in model.named_parameters(remove_duplicate=False))
    return {name: original for name, original in names if name != original}


def _drop_second_names(model: nn.Module, state_dict: dict, prefix: str, *_) -> None:
    # A checkpoint of a model on a GPU would hold a copy per name.
    for name in _second_names(model):
        state_dict.pop(prefix + name, None)


def _add_second_names(model: nn.Module, state_dict: dict, prefix: str, *_) -> None:
    for name, original in _second_names(model).items():
        if prefix + original in state_dict:
            state_dict.setdefault(prefix + name, state_dict[prefix + original])
