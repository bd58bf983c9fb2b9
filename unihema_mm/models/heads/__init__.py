"""Task heads."""

from .cell_box_head import CellBoxHead
from .cell_class_head import CellClassHead

__all__ = ['CellBoxHead', 'CellClassHead']
