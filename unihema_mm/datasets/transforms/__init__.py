"""Data transforms of unihema_mm."""

from .annotations import LoadCellAnnotations, LoadCellMask
from .formatting import PackSmearInputs
from .loading import LoadSmearImage
from .sample_texts import SampleTexts

__all__ = ['LoadCellAnnotations', 'LoadCellMask', 'LoadSmearImage', 'PackSmearInputs', 'SampleTexts']
