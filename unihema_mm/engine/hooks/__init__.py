"""Hooks of a training or test run."""

from .class_count_hook import ClassCountHook
from .detection_budget_hook import DetectionBudgetHook
from .draw_report_hook import DrawReportHook
from .exact_resume_hook import ExactResumeHook
from .label_spaces_hook import LabelSpacesHook
from .move_on_hook import MoveOnHook
from .non_finite_loss_hook import StopOnNonFiniteLossHook
from .pending_gradients_hook import PendingGradientsHook
from .safe_checkpoint_hook import SafeCheckpointHook
from .same_tasks_hook import SameTasksHook
from .set_visualization_hook import SetVisualizationHook
from .stage_start_hook import StageStartHook
from .step_cost_hook import StepCostHook
from .strict_load_hook import StrictLoadHook
from .trainable_table_hook import TrainableTableHook

__all__ = [
    'ClassCountHook',
    'DetectionBudgetHook',
    'DrawReportHook',
    'ExactResumeHook',
    'LabelSpacesHook',
    'MoveOnHook',
    'PendingGradientsHook',
    'SafeCheckpointHook',
    'SameTasksHook',
    'SetVisualizationHook',
    'StageStartHook',
    'StepCostHook',
    'StopOnNonFiniteLossHook',
    'StrictLoadHook',
    'TrainableTableHook',
]
