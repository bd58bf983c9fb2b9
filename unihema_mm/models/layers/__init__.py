"""Layers shared by the models."""

from .box_encoding import accept_narrow_box_encoding
from .box_mask_prior import BoxMaskPrior
from .float32_deform_attn import keep_deform_attn_in_float32
from .mask_boxes import boxes_from_masks
from .mask_dino_decoder import MaskDINODecoder
from .mask_features import MaskFeatures, mask_logits
from .proposals import select_proposals

__all__ = [
    'BoxMaskPrior',
    'MaskDINODecoder',
    'MaskFeatures',
    'accept_narrow_box_encoding',
    'boxes_from_masks',
    'keep_deform_attn_in_float32',
    'mask_logits',
    'select_proposals',
]
