"""Optimizer wrappers and their constructors."""

from .bfloat16_wrapper import Bfloat16OptimWrapper
from .trainable_constructor import TrainableOptimWrapperConstructor

__all__ = ['Bfloat16OptimWrapper', 'TrainableOptimWrapperConstructor']
