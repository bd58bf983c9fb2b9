"""Models of unihema_mm; importing this module registers them."""

from .heads import CellAttributeHead, CellBoxHead, CellClassHead, MaskDINOHead
from .hema_former import (
    CrossModalFusion,
    QueryGuidedMaskFinder,
    SingleCellFeatureExtraction,
    TextGuidedVisualRefinement,
)
from .layers import MaskFeatures
from .losses import AsymmetricLoss, PointMaskLoss
from .mask_dino import MaskDINO
from .tasks import (
    CellClassificationTask,
    DetectionTask,
    InstanceMaskTask,
    MorphologyTask,
    SegmentationTask,
    Task,
    TextGenerationTask,
)
from .text import T5TextDecoder, T5TextEncoder
from .uni_hema import UniHema

__all__ = [
    'AsymmetricLoss',
    'CellAttributeHead',
    'CellBoxHead',
    'CellClassHead',
    'CellClassificationTask',
    'CrossModalFusion',
    'DetectionTask',
    'InstanceMaskTask',
    'MaskDINO',
    'MaskDINOHead',
    'MaskFeatures',
    'MorphologyTask',
    'PointMaskLoss',
    'QueryGuidedMaskFinder',
    'SegmentationTask',
    'SingleCellFeatureExtraction',
    'T5TextDecoder',
    'T5TextEncoder',
    'Task',
    'TextGenerationTask',
    'TextGuidedVisualRefinement',
    'UniHema',
]
