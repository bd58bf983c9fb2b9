"""Tasks as plugins: each says which features it reads, and implements loss and predict."""

from .base import Task, TaskDict
from .classification import CellClassificationTask
from .detection import DetectionTask
from .instance_masks import InstanceMaskTask
from .morphology import MorphologyTask
from .segmentation import SegmentationTask
from .text_generation import TextGenerationTask

__all__ = [
    'CellClassificationTask',
    'DetectionTask',
    'InstanceMaskTask',
    'MorphologyTask',
    'SegmentationTask',
    'Task',
    'TaskDict',
    'TextGenerationTask',
]
