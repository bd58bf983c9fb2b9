"""Conversion of data sets in their original layout to the annotation schema."""

from .convert import FORMATS, convert, own_entry
from .report import ConversionReport

__all__ = ['FORMATS', 'ConversionReport', 'convert', 'own_entry']
