"""Rewriting by a language model of a local folder."""

from collections.abc import Sequence
from pathlib import Path

from unihema_mm.registry import TASK_UTILS
from unihema_mm.utils.errors import InputError, MissingFileError

DEFAULT_INSTRUCTION = 'paraphrase: {text}'


@TASK_UTILS.register_module()
class LocalModelRewriter:
    """Rewrites texts by a Hugging Face model that lies in a local folder; nothing is downloaded.

    Its words are taken greedily, so the same model gives the same texts.

    Args:
        path: Folder with ``config.json``, weights and tokenizer of a sequence-to-sequence model such as T5,
            or of a causal one.
        instruction: What the model reads; ``{text}`` is the text.
        batch_size: Texts per step.
        max_new_tokens: Longest result in tokens.
        device: Where it runs, such as ``'cuda'``.
    """

    def __init__(
        self,
        path: str | Path,
        instruction: str = DEFAULT_INSTRUCTION,
        batch_size: int = 32,
        max_new_tokens: int = 64,
        device: str = 'cpu',
    ) -> None:
        if not (Path(path) / 'config.json').is_file():
            raise MissingFileError(
                f'{path}: rewriter: holds no config.json; name the folder of a local model'
            )
        if '{text}' not in instruction:
            raise InputError(f'rewriter: instruction: {instruction!r} has no {{text}}; write it')
        from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer

        self.instruction = instruction
        self.batch_size = batch_size
        self.max_new_tokens = max_new_tokens
        local = {'local_files_only': True}
        try:
            self._is_seq2seq = AutoConfig.from_pretrained(path, **local).is_encoder_decoder
            loader = AutoModelForSeq2SeqLM if self._is_seq2seq else AutoModelForCausalLM
            self.tokenizer = AutoTokenizer.from_pretrained(path, **local)
            self.model = loader.from_pretrained(path, **local).to(device).eval()
        except (OSError, ValueError) as fault:
            reason = str(fault).splitlines()[0]
            raise InputError(f'{path}: rewriter: cannot be loaded ({reason}); name another folder') from fault
        if not self._is_seq2seq:
            self.tokenizer.padding_side = 'left'
        if self.tokenizer.pad_token is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token

    def rewrite(self, texts: Sequence[str]) -> list[str]:
        """Word texts anew.

        Args:
            texts: The texts.

        Returns:
            One result per text.
        """
        results = []
        for start in range(0, len(texts), self.batch_size):
            results += self._rewrite_batch(texts[start : start + self.batch_size])
        return results

    def _rewrite_batch(self, texts: Sequence[str]) -> list[str]:
        import torch

        asked = [self.instruction.replace('{text}', text) for text in texts]
        inputs = self.tokenizer(asked, return_tensors='pt', padding=True, return_token_type_ids=False)
        inputs = inputs.to(self.model.device)
        with torch.inference_mode():
            tokens = self.model.generate(
                **inputs,
                do_sample=False,
                max_new_tokens=self.max_new_tokens,
                pad_token_id=self.tokenizer.pad_token_id,
            )
        if not self._is_seq2seq:
            tokens = tokens[:, inputs['input_ids'].shape[1] :]
        return [text.strip() for text in self.tokenizer.batch_decode(tokens, skip_special_tokens=True)]
