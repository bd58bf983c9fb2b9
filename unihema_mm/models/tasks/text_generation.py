"""Sentences about an image: answers to questions, and sentences with their gaps filled."""

from mmdet.structures import SampleList
from torch import Tensor

from unihema_mm.models.tasks.base import Task, truth
from unihema_mm.models.text import TextReader
from unihema_mm.registry import MODELS


@MODELS.register_module()
class TextGenerationTask(Task):
    """Write a sentence for each text on an image, from the fused embedding of both.

    Visual question answering and masked-sentence completion differ in the fields they read and write alone.
    All texts on an image share its features.

    Args:
        source (str): Metainfo with the n texts on an image, e.g. 'questions'.
        target (str): Metainfo with the n sentences to write, e.g. 'answers'. Predictions go to ``pred_`` and
            this name.
        prefix (str): Put before every text, 'Q: ' and 'mask: ' in the released code.
        num_beams (int): Width of the beam search; 1 is greedy. Defaults to 4 as in the released code.
        max_new_tokens (int): Longest sentence in tokens. Defaults to 64.
        reads_image (bool): Whether there is an image at all. False trains the text encoder and decoder on
            texts alone (stage 2 of the paper): neither backbone nor CMF runs. Defaults to True.
        see_image (bool): Whether predictions depend on the image. False is the released code, which trains
            on the fused embedding but generates from the text alone. Defaults to True.
        embed_dims (int): Not used; every task gets it.
        **kwargs: See :class:`Task`.
    """

    def __init__(
        self,
        source: str,
        target: str,
        prefix: str = '',
        num_beams: int = 4,
        max_new_tokens: int = 64,
        reads_image: bool = True,
        see_image: bool = True,
        embed_dims: int = 256,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.source = source
        self.target = target
        self.prefix = prefix
        self.num_beams = num_beams
        self.max_new_tokens = max_new_tokens
        self.see_image = see_image
        self.reads = ('reader',) if reads_image else ('text_reader',)

    def loss(self, samples: SampleList, **features: TextReader) -> dict[str, Tensor]:
        """``loss_text``, see :meth:`T5TextDecoder.loss`; see :class:`Task`."""
        texts, owners = self._texts(samples)
        targets = [
            sentence
            for sample in samples
            for sentence in truth(sample, self.target, 'use a data set with texts for this task')
        ]
        (reader,) = features.values()
        return dict(loss_text=reader.loss(texts, owners, targets))

    def predict(self, samples: SampleList, rescale: bool = True, **features: TextReader) -> None:
        """Write ``pred_answers`` (with the target 'answers'), one sentence per text; see :class:`Task`."""
        texts, owners = self._texts(samples)
        (reader,) = features.values()
        written = reader.write(texts, owners, self.num_beams, self.max_new_tokens, self.see_image)
        for place, sample in enumerate(samples):
            own = [sentence for owner, sentence in zip(owners, written, strict=True) if owner == place]
            sample.set_metainfo({f'pred_{self.target}': own})

    def _texts(self, samples: SampleList) -> tuple[list[str], list[int]]:
        """All texts of the group with the prefix, and the place of the image of each."""
        pairs = [
            (self.prefix + text, place)
            for place, sample in enumerate(samples)
            for text in truth(sample, self.source, 'use a data set with texts for this task')
        ]
        return [text for text, _ in pairs], [place for _, place in pairs]
