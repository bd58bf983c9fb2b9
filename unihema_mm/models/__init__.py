"""Models of unihema_mm; importing this module registers them."""

from .heads import CellBoxHead, CellClassHead
from .hema_former import (
    CrossModalFusion,
    QueryGuidedMaskFinder,
    SingleCellFeatureExtraction,
    TextGuidedVisualRefinement,
)
from .text import T5TextEncoder
from .uni_hema import UniHema

__all__ = [
    'CellBoxHead',
    'CellClassHead',
    'CrossModalFusion',
    'QueryGuidedMaskFinder',
    'SingleCellFeatureExtraction',
    'T5TextEncoder',
    'TextGuidedVisualRefinement',
    'UniHema',
]
