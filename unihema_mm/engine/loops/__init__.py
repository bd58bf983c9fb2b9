"""Validation and test over several named data sets."""

from .evaluation_sets import EvaluationSet, MultiSetLoader, evaluation_sets
from .multi_set_loop import MultiSetTestLoop, MultiSetValLoop
from .results_table import results_table

__all__ = [
    'EvaluationSet',
    'MultiSetLoader',
    'MultiSetTestLoop',
    'MultiSetValLoop',
    'evaluation_sets',
    'results_table',
]
