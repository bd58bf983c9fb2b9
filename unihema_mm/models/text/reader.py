"""Reading texts in view of images, and writing answers."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from unihema_mm.models.text.t5_decoder import T5TextDecoder
from unihema_mm.models.text.t5_encoder import T5TextEncoder


class TextReader:
    """Text encoder, CMF and text decoder, bound to the tokens of a group of images.

    Several texts may ask about one image; its tokens are computed once. Without CMF, the decoder reads the
    text encoder's output, and no image.

    Args:
        encoder (T5TextEncoder): E_T.
        decoder (T5TextDecoder): D_T.
        fusion (nn.Module, optional): CMF.
        image (Tensor, optional): Image tokens that CMF reads, (bs, num_tokens, dim); ``fusion_reads`` of
            :class:`UniHema` chooses them.
        padding (Tensor, optional): Bool, (bs, num_tokens), True at padding.
    """

    def __init__(
        self,
        encoder: T5TextEncoder,
        decoder: T5TextDecoder,
        fusion: nn.Module | None = None,
        image: Tensor | None = None,
        padding: Tensor | None = None,
    ) -> None:
        self.encoder = encoder
        self.fusion = fusion
        self.decoder = decoder
        self.image = image
        self.padding = padding

    def fuse(self, texts: Sequence[str], owners: Sequence[int]) -> tuple[Tensor, Tensor | None]:
        """Read texts in view of their images.

        Args:
            texts (Sequence[str]): n texts.
            owners (Sequence[int]): n places of the images in the group.

        Returns:
            tuple: E_W, (n, num_fused, dims), and its padding mask, (n, num_fused), or None without padding;
            without CMF those of the text encoder.
        """
        if not texts:
            # One unused row keeps all parameters in the graph of distributed training.
            fused, padding = self.fuse([''], [0])
            return fused[:0], None if padding is None else padding[:0]
        text = self.encoder(texts)
        if self.fusion is None:
            return text
        owners = torch.as_tensor(owners, device=self.image.device)
        fused = self.fusion(text.tokens, self.image, text.padding, self.padding, owners)
        return fused, self.fusion.output_padding(text.padding)

    def loss(self, texts: Sequence[str], owners: Sequence[int], targets: Sequence[str]) -> Tensor:
        """Cross-entropy of the target sentences; see :meth:`fuse` and :meth:`T5TextDecoder.loss`."""
        return self.decoder.loss(*self.fuse(texts, owners), targets)

    def write(
        self,
        texts: Sequence[str],
        owners: Sequence[int],
        num_beams: int,
        max_new_tokens: int,
        see_image: bool = True,
    ) -> list[str]:
        """Generate one sentence per text.

        Args:
            texts (Sequence[str]): n texts.
            owners (Sequence[int]): n places of the images in the group.
            num_beams (int): See :meth:`T5TextDecoder.generate`.
            max_new_tokens (int): See :meth:`T5TextDecoder.generate`.
            see_image (bool): Whether the decoder reads E_W; else the text encoder's output alone.

        Returns:
            list[str]: n sentences.
        """
        if not texts:
            return []
        embedding = self.fuse(texts, owners) if see_image else self.encoder(texts)
        return self.decoder.generate(*embedding, num_beams, max_new_tokens)
