"""Training with validation at equal distances; validation and test over several named data sets."""

from .checked_train_loop import CheckedTrainLoop
from .evaluation_sets import EvaluationSet, MultiSetLoader, evaluation_sets
from .multi_set_loop import MultiSetTestLoop, MultiSetValLoop
from .results_table import results_table

__all__ = [
    'CheckedTrainLoop',
    'EvaluationSet',
    'MultiSetLoader',
    'MultiSetTestLoop',
    'MultiSetValLoop',
    'evaluation_sets',
    'results_table',
]
