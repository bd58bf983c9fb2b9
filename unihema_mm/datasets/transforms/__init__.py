"""Data transforms of unihema_mm."""

from .annotations import FilterCellAnnotations, LoadCellAnnotations, LoadCellMask
from .colour import PermuteChannels
from .formatting import PackSmearInputs
from .loading import LoadSmearImage
from .resizing import ShrinkToFit
from .sample_prompt import SamplePrompt
from .sample_texts import SampleTexts

__all__ = [
    'FilterCellAnnotations',
    'LoadCellAnnotations',
    'LoadCellMask',
    'LoadSmearImage',
    'PackSmearInputs',
    'PermuteChannels',
    'SamplePrompt',
    'SampleTexts',
    'ShrinkToFit',
]
