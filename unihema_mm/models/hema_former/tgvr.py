"""Text-guided visual refinement (TGVR) of the decoder's object queries."""

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from unihema_mm.registry import MODELS
from unihema_mm.utils.errors import InputError


class ConcatFusion(nn.Module):
    """Paper form: ``k + P([k || a])`` with a linear projection P (Fig. 3b).

    Args:
        embed_dims (int): Width of queries and attended text.
        identity_init (bool): Start with P = 0, so that the output is k.
    """

    def __init__(self, embed_dims: int, identity_init: bool) -> None:
        super().__init__()
        self.proj = nn.Linear(2 * embed_dims, embed_dims)
        if identity_init:
            nn.init.zeros_(self.proj.weight)
            nn.init.zeros_(self.proj.bias)

    def forward(self, queries: Tensor, attended: Tensor) -> Tensor:
        """Fuse ``queries`` k and ``attended`` text a, both (bs, num_queries, embed_dims)."""
        return queries + self.proj(torch.cat([queries, attended], dim=-1))


class GateFusion(nn.Module):
    """Form of the released code: ``(1 - g) k + g a`` with ``g = sigmoid(MLP([k || a]))``.

    The gate is multiplied by a learned scale per channel. A scale of 1 is the
    released form. A scale of 0 is the identity, and unlike a sigmoid pushed to
    zero by a large bias it leaves the gate a gradient to open with.

    Args:
        embed_dims (int): Width of queries and attended text.
        identity_init (bool): Start with scale 0 instead of 1.
    """

    def __init__(self, embed_dims: int, identity_init: bool) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(2 * embed_dims, embed_dims), nn.ReLU(), nn.Linear(embed_dims, embed_dims)
        )
        self.scale = nn.Parameter(torch.full((embed_dims,), 0.0 if identity_init else 1.0))

    def forward(self, queries: Tensor, attended: Tensor) -> Tensor:
        """Fuse ``queries`` k and ``attended`` text a, both (bs, num_queries, embed_dims)."""
        gate = self.mlp(torch.cat([queries, attended], dim=-1)).sigmoid()
        return queries + self.scale * gate * (attended - queries)


FUSIONS = {'concat': ConcatFusion, 'gate': GateFusion}


@MODELS.register_module()
class TextGuidedVisualRefinement(BaseModule):
    """Let the prompt refine the object queries before the image decoder.

    Implements TGVR of Uni-Hema (arXiv 2511.13889, Fig. 3b):
    ``E_X = k + P([k || CrossAttn(k, T, T)])``, where k are the content queries
    and T the projected output of the text encoder. ``fusion='gate'`` is the
    form of the released code, which replaces the projection by a sigmoid gate.

    Args:
        embed_dims (int): Width of the queries. Defaults to 256.
        text_dims (int): Width of the text features. Defaults to 768 (T5-base).
        num_heads (int): Heads of the cross-attention. Defaults to 8.
        fusion (str): 'concat' (paper) or 'gate' (released code).
        identity_init (bool): Start as the identity on the queries, so that a
            pretrained detector is not disturbed. Defaults to True.
        attend_padding (bool): Attend to padding tokens too, as the released
            code does. Defaults to False.
        init_cfg (dict, optional): Initialisation config of mmengine.

    Raises:
        InputError: If ``fusion`` is unknown.
    """

    def __init__(
        self,
        embed_dims: int = 256,
        text_dims: int = 768,
        num_heads: int = 8,
        fusion: str = 'concat',
        identity_init: bool = True,
        attend_padding: bool = False,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if fusion not in FUSIONS:
            raise InputError(f'fusion must be one of {sorted(FUSIONS)}, got {fusion!r}')
        self.attend_padding = attend_padding
        self.text_proj = nn.Linear(text_dims, embed_dims)
        self.attention = nn.MultiheadAttention(embed_dims, num_heads, batch_first=True)
        self.fusion = FUSIONS[fusion](embed_dims, identity_init)

    def forward(self, queries: Tensor, text: Tensor, text_padding: Tensor | None = None) -> Tensor:
        """Refine queries by text.

        Args:
            queries (Tensor): Content queries k, (bs, num_queries, embed_dims).
            text (Tensor): Text encoder output, (bs, num_tokens, text_dims).
            text_padding (Tensor, optional): Bool, (bs, num_tokens), True at
                padding tokens, which are left out of the attention unless
                ``attend_padding`` is set.

        Returns:
            Tensor: Refined queries, (bs, num_queries, embed_dims).
        """
        text = self.text_proj(text)
        if self.attend_padding:
            text_padding = None
        attended, _ = self.attention(queries, text, text, key_padding_mask=text_padding, need_weights=False)
        return self.fusion(queries, attended)
