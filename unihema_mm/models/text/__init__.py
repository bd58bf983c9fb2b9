"""The T5 branch."""

from .t5_encoder import T5TextEncoder, TextFeatures

__all__ = ['T5TextEncoder', 'TextFeatures']
