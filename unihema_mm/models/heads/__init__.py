"""Task heads."""

from .cell_box_head import CellBoxHead
from .cell_class_head import CellClassHead
from .mask_dino_head import MaskDINOHead

__all__ = ['CellBoxHead', 'CellClassHead', 'MaskDINOHead']
