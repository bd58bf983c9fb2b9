"""Two-stage query selection: which encoder tokens become object queries."""

import warnings

import torch
from torch import Tensor


def select_proposals(scores: Tensor, padding_mask: Tensor | None, num_queries: int) -> Tensor:
    """Indices of the best-scored encoder tokens of each image, best first.

    Padding tokens are never chosen, so padding does not change a result. All
    images of a batch get the same number of queries; it is reduced where an
    image has fewer valid tokens than ``num_queries`` (images of about 70 pixels
    a side for 100 queries, 200 for 900).

    Args:
        scores (Tensor): Objectness of each token, (bs, num_tokens).
        padding_mask (Tensor, optional): Bool, (bs, num_tokens), True at padding.
        num_queries (int): Queries wanted.

    Returns:
        Tensor: Token indices, (bs, k) with k <= num_queries.
    """
    num_valid = scores.size(1)
    if padding_mask is not None:
        scores = scores.masked_fill(padding_mask, float('-inf'))
        num_valid = int((~padding_mask).sum(dim=1).min())
        if num_valid < min(num_queries, padding_mask.size(1)):
            warnings.warn(
                f'an image of this batch has only {num_valid} encoder tokens, so all its images get '
                f'{num_valid} queries instead of {num_queries}; predict so small images one by one',
                stacklevel=2,
            )
    return torch.topk(scores, k=min(num_queries, num_valid), dim=1).indices
