"""Task heads."""

from .cell_box_head import CellBoxHead

__all__ = ['CellBoxHead']
