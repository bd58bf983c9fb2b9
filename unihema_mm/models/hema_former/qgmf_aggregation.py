"""How QGMF makes one mask out of many object queries.

All share one signature: ``AGGREGATIONS[name](embed_dims)`` builds one, and
``aggregate(embeddings, pixel_map, padding)`` turns mask embeddings
(bs, num_queries, embed_dims), a pixel map (bs, embed_dims, h, w) and an optional
padding mask (bool, (bs, num_queries), True at padding) into mask logits
(bs, 1, h, w). Each image needs at least one valid query.
"""

import torch
from torch import Tensor, nn


def masks_of(embeddings: Tensor, pixel_map: Tensor) -> Tensor:
    """Mask logits (bs, num_queries, h, w) of embeddings (bs, num_queries, c) on a map (bs, c, h, w)."""
    return torch.einsum('bqc,bchw->bqhw', embeddings, pixel_map)


class FirstQuery(nn.Module):
    """The mask of query 0, which is that of the best proposal (paper)."""

    def __init__(self, embed_dims: int) -> None:
        super().__init__()

    def forward(self, embeddings: Tensor, pixel_map: Tensor, padding: Tensor | None = None) -> Tensor:
        """See the module's docstring; query 0 must be valid."""
        return masks_of(embeddings[:, :1], pixel_map)


class MeanOfQueries(nn.Module):
    """The mean of all masks, computed on the embeddings, as a mask is linear in its embedding."""

    def __init__(self, embed_dims: int) -> None:
        super().__init__()

    def forward(self, embeddings: Tensor, pixel_map: Tensor, padding: Tensor | None = None) -> Tensor:
        """See the module's docstring."""
        valid = embeddings.new_ones(embeddings.shape[:2]) if padding is None else (~padding).to(embeddings)
        weights = valid / valid.sum(dim=1, keepdim=True)
        return masks_of(weights.unsqueeze(1) @ embeddings, pixel_map)


class MaxOfQueries(nn.Module):
    """The union of all masks: a pixel is as positive as its most positive query.

    The only choice here with (bs, num_queries, h, w) memory. Suits queries that
    each segment their own object.
    """

    def __init__(self, embed_dims: int) -> None:
        super().__init__()

    def forward(self, embeddings: Tensor, pixel_map: Tensor, padding: Tensor | None = None) -> Tensor:
        """See the module's docstring."""
        masks = masks_of(embeddings, pixel_map)
        if padding is not None:
            masks = masks.masked_fill(padding[:, :, None, None], float('-inf'))
        return masks.amax(dim=1, keepdim=True)


class AttendedQueries(nn.Module):
    """A learned weighting of the queries: the softmax of a linear score, at first the mean."""

    def __init__(self, embed_dims: int) -> None:
        super().__init__()
        # No bias: a softmax does not see it.
        self.score = nn.Linear(embed_dims, 1, bias=False)
        nn.init.zeros_(self.score.weight)

    def forward(self, embeddings: Tensor, pixel_map: Tensor, padding: Tensor | None = None) -> Tensor:
        """See the module's docstring."""
        scores = self.score(embeddings).transpose(1, 2)
        if padding is not None:
            scores = scores.masked_fill(padding.unsqueeze(1), float('-inf'))
        return masks_of(scores.softmax(dim=-1) @ embeddings, pixel_map)


AGGREGATIONS = {
    'first': FirstQuery,
    'mean': MeanOfQueries,
    'max': MaxOfQueries,
    'attention': AttendedQueries,
}
