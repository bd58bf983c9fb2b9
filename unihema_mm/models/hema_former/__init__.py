"""Hema-Former: the fusion modules of Uni-Hema. They know tensors only."""

from .cmf import CrossModalFusion
from .qgmf import QueryGuidedMaskFinder
from .scfe import SingleCellFeatureExtraction
from .tgvr import TextGuidedVisualRefinement

__all__ = [
    'CrossModalFusion',
    'QueryGuidedMaskFinder',
    'SingleCellFeatureExtraction',
    'TextGuidedVisualRefinement',
]
