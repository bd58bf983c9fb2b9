"""The taxonomy of blood-smear classes: one versioned tree with synonyms, kept as data in ``tree.yaml``."""

from .taxonomy import PAPER_TASKS, Taxonomy, load_taxonomy, paper_labels, read_taxonomy

__all__ = ['PAPER_TASKS', 'Taxonomy', 'load_taxonomy', 'paper_labels', 'read_taxonomy']
