"""Models of unihema_mm; importing this module registers them."""

from .heads import CellBoxHead
from .hema_former import TextGuidedVisualRefinement
from .text import T5TextEncoder
from .uni_hema import UniHema

__all__ = ['CellBoxHead', 'T5TextEncoder', 'TextGuidedVisualRefinement', 'UniHema']
