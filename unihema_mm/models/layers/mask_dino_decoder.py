"""Transformer decoder of Mask DINO."""

import torch
from mmdet.models.layers import MLP, DinoTransformerDecoder, coordinate_to_encoding, inverse_sigmoid
from torch import Tensor, nn


class MaskDINODecoder(DinoTransformerDecoder):
    """mmdet's decoder of DINO with the box code and the inverse sigmoid of the reference.

    A coordinate has ``embed_dims / 2`` sine features. The inverse sigmoid moves coordinates that are closer
    than 1e-5 to 0 or 1 (mmdet: 1e-3), for initial boxes made from masks often touch the image border.
    """

    def _init_layers(self) -> None:
        super()._init_layers()
        self.ref_point_head = MLP(2 * self.embed_dims, self.embed_dims, self.embed_dims, 2)

    def forward(
        self,
        query: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None,
        self_attn_mask: Tensor | None,
        reference_points: Tensor,
        spatial_shapes: Tensor,
        level_start_index: Tensor,
        valid_ratios: Tensor,
        reg_branches: nn.ModuleList,
        **kwargs,
    ) -> tuple[Tensor, Tensor]:
        """Refine queries and boxes.

        Args:
            query (Tensor): (bs, num_queries, dim).
            value (Tensor): Encoder tokens, (bs, num_tokens, dim).
            key_padding_mask (Tensor, optional): Bool, (bs, num_tokens), True at padding.
            self_attn_mask (Tensor, optional): Bool, (num_queries, num_queries), True where blocked.
            reference_points (Tensor): Boxes (bs, num_queries, 4) as normalised (cx, cy, w, h).
            spatial_shapes (Tensor): (num_levels, 2) as (h, w).
            level_start_index (Tensor): First token of each level, (num_levels, ).
            valid_ratios (Tensor): Part of each level that is image, (bs, num_levels, 2) as (w, h).
            reg_branches (nn.ModuleList): Box branch of each layer.
            **kwargs: Passed on to the layers.

        Returns:
            tuple[Tensor, Tensor]: Normed queries after each layer, (num_layers, bs, num_queries, dim), and
            boxes before and after each layer, (num_layers + 1, bs, num_queries, 4).
        """
        ratios = torch.cat([valid_ratios, valid_ratios], dim=-1)[:, None]
        states, references = [], [reference_points]
        for layer, reg_branch in zip(self.layers, reg_branches, strict=False):
            boxes = reference_points[:, :, None] * ratios
            code = coordinate_to_encoding(boxes[:, :, 0], num_feats=self.embed_dims // 2)
            query_pos = self.ref_point_head(code)
            query = layer(
                query,
                query_pos=query_pos,
                value=value,
                key_padding_mask=key_padding_mask,
                self_attn_mask=self_attn_mask,
                spatial_shapes=spatial_shapes,
                level_start_index=level_start_index,
                valid_ratios=valid_ratios,
                reference_points=boxes,
                **kwargs,
            )
            refined = (reg_branch(query) + inverse_sigmoid(reference_points)).sigmoid()
            reference_points = refined.detach()
            states.append(self.norm(query))
            references.append(refined)  # with gradient: "look forward twice"
        return torch.stack(states), torch.stack(references)
