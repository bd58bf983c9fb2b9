"""Layers shared by the models."""

from .float32_deform_attn import keep_deform_attn_in_float32
from .proposals import select_proposals

__all__ = ['keep_deform_attn_in_float32', 'select_proposals']
