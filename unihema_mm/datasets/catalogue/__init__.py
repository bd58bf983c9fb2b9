"""The catalogue of public data sets: one YAML file each, read and checked by :func:`load_entry`."""

from .entry import CatalogueEntry, ExpectedCounts, entry_names, load_entry, read_entry

__all__ = ['CatalogueEntry', 'ExpectedCounts', 'entry_names', 'load_entry', 'read_entry']
