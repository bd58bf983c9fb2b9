"""Conversion of data sets in their original layout to the annotation schema."""

from .convert import convert
from .readers import BOX_FORMATS, FORMATS, own_entry
from .report import ConversionReport

__all__ = ['BOX_FORMATS', 'FORMATS', 'ConversionReport', 'convert', 'own_entry']
