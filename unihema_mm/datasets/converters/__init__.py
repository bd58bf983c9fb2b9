"""Conversion of data sets in their original layout to the annotation schema."""

from .convert import FORMATS, convert, declared_classes
from .report import ConversionReport

__all__ = ['FORMATS', 'ConversionReport', 'convert', 'declared_classes']
