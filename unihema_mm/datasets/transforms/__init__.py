"""Data transforms of unihema_mm."""

from .loading import LoadSmearImage

__all__ = ['LoadSmearImage']
