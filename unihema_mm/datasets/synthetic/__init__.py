"""Synthetic blood smears: drawn pictures whose boxes, masks, attributes and text are known exactly."""

from .contact_sheet import contact_sheet
from .corpus import generate_corpus

__all__ = ['contact_sheet', 'generate_corpus']
