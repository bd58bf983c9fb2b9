"""Questions with answers and masked sentences, generated from the annotations of a data set."""

from .apply import TextReport, add_texts
from .local_model import LocalModelRewriter
from .rewriting import TextRewriter

__all__ = ['LocalModelRewriter', 'TextReport', 'TextRewriter', 'add_texts']
