"""Drawing; this needs no torch, but :mod:`.smear_visualizer` and :mod:`.training_sample` do."""

from .class_colours import class_colours, class_palette
from .overlay import draw_overlay
from .result_picture import draw_result

__all__ = ['class_colours', 'class_palette', 'draw_overlay', 'draw_result']
