"""Drawing."""

from .training_sample import draw_training_sample

__all__ = ['draw_training_sample']
