"""Models of unihema_mm; importing this module registers them."""

from .heads import CellBoxHead, CellClassHead, MaskDINOHead
from .hema_former import (
    CrossModalFusion,
    QueryGuidedMaskFinder,
    SingleCellFeatureExtraction,
    TextGuidedVisualRefinement,
)
from .layers import MaskFeatures
from .losses import PointMaskLoss
from .mask_dino import MaskDINO
from .text import T5TextDecoder, T5TextEncoder
from .uni_hema import UniHema

__all__ = [
    'CellBoxHead',
    'CellClassHead',
    'CrossModalFusion',
    'MaskDINO',
    'MaskDINOHead',
    'MaskFeatures',
    'PointMaskLoss',
    'QueryGuidedMaskFinder',
    'SingleCellFeatureExtraction',
    'T5TextDecoder',
    'T5TextEncoder',
    'TextGuidedVisualRefinement',
    'UniHema',
]
