"""The catalogue of public data sets: one YAML file each, read and checked by :func:`load_entry`."""

from .entry import CatalogueEntry, ExpectedCounts
from .listing import describe_entry, list_entries
from .reading import entry_names, load_entry, read_entry

__all__ = [
    'CatalogueEntry',
    'ExpectedCounts',
    'describe_entry',
    'entry_names',
    'list_entries',
    'load_entry',
    'read_entry',
]
