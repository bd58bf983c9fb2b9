"""Checks of data against the annotation schema; every check returns a list of faults."""

from .folder import CheckSummary, check_path, check_paths
from .records import check_records
from .repeats import RepeatSummary, SplitImage, check_repeats
from .structure import check_boxes, check_structure

__all__ = [
    'CheckSummary',
    'RepeatSummary',
    'SplitImage',
    'check_boxes',
    'check_path',
    'check_paths',
    'check_records',
    'check_repeats',
    'check_structure',
]
