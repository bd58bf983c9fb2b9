"""Drawing."""

from .class_colours import class_colours, class_palette
from .overlay import draw_overlay
from .result_picture import draw_result
from .training_sample import draw_training_sample

__all__ = ['class_colours', 'class_palette', 'draw_overlay', 'draw_result', 'draw_training_sample']
