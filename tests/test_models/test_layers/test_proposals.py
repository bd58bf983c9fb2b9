"""Query selection."""

import pytest
import torch

from unihema_mm.models.layers import select_proposals

SCORES = torch.tensor([[0.1, 0.9, 0.5, 0.7], [0.2, 0.3, 0.8, 0.4]])


def test_best_first():
    assert select_proposals(SCORES, None, 2).tolist() == [[1, 3], [2, 3]]


def test_padding_is_never_selected():
    padding = torch.tensor([[False, True, False, False], [False, False, True, False]])
    assert select_proposals(SCORES, padding, 3).tolist() == [[3, 2, 0], [3, 1, 0]]


def test_fewer_tokens_than_queries():
    assert select_proposals(SCORES, None, 900).shape == (2, 4)
    padding = torch.tensor([[False, False, True, True], [False, False, False, False]])
    with pytest.warns(UserWarning, match='only 2 encoder tokens'):
        assert select_proposals(SCORES, padding, 900).tolist() == [[1, 0], [2, 3]]
