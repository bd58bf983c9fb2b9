"""Task heads."""

from .attribute_head import CellAttributeHead
from .cell_box_head import CellBoxHead
from .cell_class_head import CellClassHead
from .mask_dino_head import MaskDINOHead

__all__ = ['CellAttributeHead', 'CellBoxHead', 'CellClassHead', 'MaskDINOHead']
