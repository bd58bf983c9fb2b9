"""Reading texts in view of images, and writing answers."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from unihema_mm.models.text.t5_decoder import T5TextDecoder
from unihema_mm.models.text.t5_encoder import T5TextEncoder


class TextReader:
    """Text encoder, CMF and text decoder, bound to the tokens of a group of images.

    Several texts may ask about one image; its tokens are computed once.

    Args:
        encoder (T5TextEncoder): E_T.
        fusion (nn.Module): CMF.
        decoder (T5TextDecoder): D_T.
        image (Tensor): Projected backbone tokens, (bs, num_tokens, dim).
        padding (Tensor, optional): Bool, (bs, num_tokens), True at padding.
    """

    def __init__(
        self,
        encoder: T5TextEncoder,
        fusion: nn.Module,
        decoder: T5TextDecoder,
        image: Tensor,
        padding: Tensor | None,
    ) -> None:
        self.encoder = encoder
        self.fusion = fusion
        self.decoder = decoder
        self.image = image
        self.padding = padding

    def fuse(self, texts: Sequence[str], owners: Sequence[int]) -> Tensor:
        """Read texts in view of their images.

        Args:
            texts (Sequence[str]): n texts.
            owners (Sequence[int]): n places of the images in the group.

        Returns:
            Tensor: E_W, (n, num_fused, dims).
        """
        if not texts:
            # One unused row keeps all parameters in the graph of distributed training.
            return self.fuse([''], [0])[:0]
        text = self.encoder(texts)
        owners = torch.as_tensor(owners, device=self.image.device)
        return self.fusion(text.tokens, self.image, text.padding, self.padding, owners)

    def loss(self, texts: Sequence[str], owners: Sequence[int], targets: Sequence[str]) -> Tensor:
        """Mean cross-entropy of the target tokens; see :meth:`fuse` and :meth:`T5TextDecoder.loss`."""
        return self.decoder.loss(self.fuse(texts, owners), None, targets)

    def write(
        self, texts: Sequence[str], owners: Sequence[int], num_beams: int, max_new_tokens: int
    ) -> list[str]:
        """Generate one sentence per text; see :meth:`fuse` and :meth:`T5TextDecoder.generate`."""
        if not texts:
            return []
        return self.decoder.generate(self.fuse(texts, owners), None, num_beams, max_new_tokens)
