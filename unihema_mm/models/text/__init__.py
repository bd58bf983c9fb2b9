"""The T5 branch."""

from .reader import TextReader
from .t5_decoder import T5TextDecoder
from .t5_encoder import T5TextEncoder, TextFeatures

__all__ = ['T5TextDecoder', 'T5TextEncoder', 'TextFeatures', 'TextReader']
