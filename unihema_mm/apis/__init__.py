"""What a user calls from Python."""

from unihema_mm.structures.results import (
    RESEARCH_USE,
    Answer,
    Cell,
    CellClass,
    CellMask,
    FailedImage,
    ImageResult,
    Sentence,
)

from .inferencer import UniHemaInferencer
from .loaded_model import LoadedModel, load_model

__all__ = [
    'RESEARCH_USE',
    'Answer',
    'Cell',
    'CellClass',
    'CellMask',
    'FailedImage',
    'ImageResult',
    'LoadedModel',
    'Sentence',
    'UniHemaInferencer',
    'load_model',
]
