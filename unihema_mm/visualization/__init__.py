"""Drawing."""

from .palette import colour_blind_palette

__all__ = ['colour_blind_palette']
