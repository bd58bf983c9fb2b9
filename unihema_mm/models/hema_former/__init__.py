"""Hema-Former: the fusion modules of Uni-Hema. They know tensors only."""

from .tgvr import TextGuidedVisualRefinement

__all__ = ['TextGuidedVisualRefinement']
