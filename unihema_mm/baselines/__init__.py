"""What lets models of mmseg and mmpretrain train on this package's data and be scored by its metrics.

Configs of such models name this module in ``custom_imports``.
"""

from .attributes import AttributesAsTasks, TaskAttributeMetric
from .nested_masks import LoadNestedMasks, NestedMaskDataset, NestedMaskMetric

__all__ = [
    'AttributesAsTasks',
    'LoadNestedMasks',
    'NestedMaskDataset',
    'NestedMaskMetric',
    'TaskAttributeMetric',
]
