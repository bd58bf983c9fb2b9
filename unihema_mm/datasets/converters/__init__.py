"""Conversion of data sets in their original layout to the annotation schema."""

from .convert import convert
from .readers import FORMATS, OWN_FORMATS, own_entry
from .report import ConversionReport

__all__ = ['FORMATS', 'OWN_FORMATS', 'ConversionReport', 'convert', 'own_entry']
