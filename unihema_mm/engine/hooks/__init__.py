"""Hooks of a training or test run."""

from .detection_budget_hook import DetectionBudgetHook
from .exact_resume_hook import ExactResumeHook
from .non_finite_loss_hook import StopOnNonFiniteLossHook
from .safe_checkpoint_hook import SafeCheckpointHook
from .trainable_table_hook import TrainableTableHook

__all__ = [
    'DetectionBudgetHook',
    'ExactResumeHook',
    'SafeCheckpointHook',
    'StopOnNonFiniteLossHook',
    'TrainableTableHook',
]
