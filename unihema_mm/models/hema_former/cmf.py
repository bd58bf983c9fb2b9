"""Cross-modal fusion (CMF): learned queries read the text and the image."""

from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from unihema_mm.registry import MODELS

MODALITIES = ('text', 'image')


class CrossModalLayer(nn.Module):
    """One round of post-norm cross-attention over both modalities, with an optional FFN.

    Args:
        embed_dims (int): Width of queries and tokens.
        num_heads (int): Heads of each cross-attention.
        order (Sequence[str]): 'text' and 'image' in the order of reading.
        ffn_dims (int, optional): Hidden width of the FFN; None leaves it out.
    """

    def __init__(self, embed_dims: int, num_heads: int, order: Sequence[str], ffn_dims: int | None) -> None:
        super().__init__()
        self.order = tuple(order)
        # Keyed by modality, so that a checkpoint does not depend on the order.
        self.attentions = nn.ModuleDict(
            {name: nn.MultiheadAttention(embed_dims, num_heads, batch_first=True) for name in MODALITIES}
        )
        self.norms = nn.ModuleDict({name: nn.LayerNorm(embed_dims) for name in MODALITIES})
        self.ffn = None
        if ffn_dims is not None:
            self.ffn = nn.Sequential(
                nn.Linear(embed_dims, ffn_dims), nn.GELU(), nn.Linear(ffn_dims, embed_dims)
            )
            self.ffn_norm = nn.LayerNorm(embed_dims)

    def forward(
        self,
        queries: Tensor,
        tokens: dict[str, Tensor],
        padding: dict[str, Tensor | None],
        places: tuple[Tensor, Tensor] | None,
    ) -> Tensor:
        """Update ``queries`` (n, num_queries, embed_dims) by the tokens of each modality."""
        for name in self.order:
            attended = self._attend(name, queries, tokens[name], padding[name], places)
            queries = self.norms[name](queries + attended)
        if self.ffn is not None:
            queries = self.ffn_norm(queries + self.ffn(queries))
        return queries

    def _attend(
        self,
        name: str,
        queries: Tensor,
        tokens: Tensor,
        padding: Tensor | None,
        places: tuple[Tensor, Tensor] | None,
    ) -> Tensor:
        """Attention of each row of queries to its tokens; rows on one image attend to it together."""
        rows = queries
        if name == 'image' and places is not None:
            _, slot = places
            rows = queries.new_zeros(len(tokens), int(slot.max()) + 1, *queries.shape[1:])
            rows = rows.index_put(places, queries).flatten(1, 2)
        attended, _ = self.attentions[name](
            rows, tokens, tokens, key_padding_mask=padding, need_weights=False
        )
        if rows is queries:
            return attended
        return attended.unflatten(1, (-1, queries.size(1)))[places]


def _places(owners: Tensor) -> tuple[Tensor, Tensor]:
    """Image of each text, and the number of texts on the same image before it."""
    same = owners[:, None] == owners
    return owners, same.tril(-1).sum(dim=1)


@MODELS.register_module()
class CrossModalFusion(BaseModule):
    """Fuse text and image into the sequence that the text decoder reads.

    Implements CMF of Uni-Hema (arXiv 2511.13889, Fig. 3a) with learned queries Q,
    projected text tokens T and projected backbone tokens I::

        J   = Norm(Q + CrossAttn(Q, T, T))
        E_W = P(Norm(J + CrossAttn(J, I, I)))

    The released code reads the image first, repeats the layer, adds an FFN to it
    and the text features to the result: ``order=('image', 'text'), num_layers=2,
    ffn_dims=1024, text_residual=True``. It also attends to padding:
    ``attend_padding=True``.

    Args:
        embed_dims (int): Width of queries and attention. Defaults to 256.
        text_dims (int): Width of the text features and of the output.
            Defaults to 768 (T5-base).
        image_dims (int): Width of the image tokens. Defaults to 256.
        num_queries (int): Learned queries, the length of the output. Defaults to 64.
        num_heads (int): Heads of each cross-attention. Defaults to 8.
        num_layers (int): Rounds of reading both modalities. Defaults to 1 (paper).
        order (Sequence[str]): Order of reading. Defaults to ('text', 'image') (paper).
        ffn_dims (int, optional): Hidden width of the FFN (exact GELU) that ends
            each layer. Defaults to None, no FFN (paper).
        text_residual (bool): Add text token i to output i, as the released code
            does. This fixes the text length to ``num_queries``. Defaults to False.
        attend_padding (bool): Attend to padding tokens of text and image too, as
            the released code does. Defaults to False.
        init_cfg (dict, optional): Initialisation config of mmengine.

    Raises:
        ValueError: If ``order`` does not name both modalities once, or
            ``num_layers`` is below one.
    """

    def __init__(
        self,
        embed_dims: int = 256,
        text_dims: int = 768,
        image_dims: int = 256,
        num_queries: int = 64,
        num_heads: int = 8,
        num_layers: int = 1,
        order: Sequence[str] = MODALITIES,
        ffn_dims: int | None = None,
        text_residual: bool = False,
        attend_padding: bool = False,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if sorted(order) != sorted(MODALITIES):
            raise ValueError(
                f'CrossModalFusion: order must hold {MODALITIES[0]!r} and {MODALITIES[1]!r} once each, '
                f'got {order!r}'
            )
        if num_layers < 1:
            raise ValueError(f'CrossModalFusion: num_layers must be at least 1, got {num_layers}')
        self.text_residual = text_residual
        self.attend_padding = attend_padding
        self.queries = nn.Parameter(torch.randn(num_queries, embed_dims))
        self.text_proj = nn.Linear(text_dims, embed_dims)
        self.image_proj = nn.Linear(image_dims, embed_dims)
        self.layers = nn.ModuleList(
            CrossModalLayer(embed_dims, num_heads, order, ffn_dims) for _ in range(num_layers)
        )
        self.out_proj = nn.Linear(embed_dims, text_dims)

    def init_weights(self) -> None:
        """Draw all matrices as DETR does.

        Those of ``torch.nn`` would make what is read of the image a small addition to the queries, and
        training from scratch would take long to notice it.
        """
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)
        super().init_weights()

    def forward(
        self,
        text: Tensor,
        image: Tensor,
        text_padding: Tensor | None = None,
        image_padding: Tensor | None = None,
        owners: Tensor | None = None,
    ) -> Tensor:
        """Fuse the tokens of both modalities.

        Args:
            text (Tensor): Text encoder output, (n, num_text, text_dims).
            image (Tensor): Projected backbone tokens of all levels before the
                image encoder, (bs, num_image, image_dims).
            text_padding (Tensor, optional): Bool, (n, num_text), True at
                padding tokens. Each row needs at least one valid token.
            image_padding (Tensor, optional): The same for the image tokens,
                (bs, num_image).
            owners (Tensor, optional): Index of the image of each text, (n, ).
                Several texts may share an image, whose keys and values are then
                computed once. None: text i belongs to image i.

        Returns:
            Tensor: Fused features, (n, num_queries, text_dims).

        Raises:
            ValueError: If ``text_residual`` is set and num_text differs from num_queries.
        """
        if self.text_residual and text.size(1) != len(self.queries):
            raise ValueError(
                f'CrossModalFusion: text_residual=True adds text token i to query i, so pad or cut the text '
                f'to num_queries={len(self.queries)} tokens, got {text.size(1)}'
            )
        tokens = dict(text=self.text_proj(text), image=self.image_proj(image))
        padding = dict.fromkeys(MODALITIES)
        if not self.attend_padding:
            padding.update(text=text_padding, image=image_padding)
        queries = self.queries.expand(len(text), -1, -1)
        places = None if owners is None else _places(owners)
        for layer in self.layers:
            queries = layer(queries, tokens, padding, places)
        fused = self.out_proj(queries)
        return fused + text if self.text_residual else fused

    def output_padding(self, text_padding: Tensor | None) -> Tensor | None:
        """Padding mask of the fused features.

        Args:
            text_padding (Tensor, optional): Bool, (n, num_text), True at padding tokens.

        Returns:
            Tensor, optional: With ``text_residual`` that of the text, whose tokens the features continue
            (the released text decoder leaves out their padding); else None, for none of them is padding.
        """
        return text_padding if self.text_residual else None
