"""Conversion of data sets in their original layout to the annotation schema."""

from .convert import convert
from .counts_table import counts_table
from .readers import FORMATS, OWN_FORMATS, own_entry
from .report import ConversionReport

__all__ = ['FORMATS', 'OWN_FORMATS', 'ConversionReport', 'convert', 'counts_table', 'own_entry']
