"""Checks of data against the annotation schema; every check returns a list of faults."""

from .folder import CheckSummary, check_path
from .records import check_records
from .structure import check_boxes, check_structure

__all__ = ['CheckSummary', 'check_boxes', 'check_path', 'check_records', 'check_structure']
