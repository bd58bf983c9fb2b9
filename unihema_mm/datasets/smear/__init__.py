"""Datasets of smear images in the annotation schema, one class per kind of annotation."""

from .cell_dataset import SmearCellDataset
from .det_dataset import SmearDetDataset, max_objects_per_image
from .mask_dataset import SmearMaskDataset
from .multi_set import MultiSetDataset
from .text_dataset import SmearTextDataset

__all__ = [
    'MultiSetDataset',
    'SmearCellDataset',
    'SmearDetDataset',
    'SmearMaskDataset',
    'SmearTextDataset',
    'max_objects_per_image',
]
