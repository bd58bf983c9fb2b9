"""Metrics of unihema_mm."""

from .attribute_metric import AttributeMetric
from .binary_mask_metric import BinaryMaskMetric
from .cell_attribute_metric import CellAttributeMetric
from .cell_class_metric import CellClassMetric
from .smear_coco_metric import SmearCocoMetric
from .text_metric import TextMetric

__all__ = [
    'AttributeMetric',
    'BinaryMaskMetric',
    'CellAttributeMetric',
    'CellClassMetric',
    'SmearCocoMetric',
    'TextMetric',
]
