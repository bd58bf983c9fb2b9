"""Registries of unihema_mm: children of mmengine's, scope ``unihema_mm``.

``locations`` lets mmengine import the modules on the first build, so ``import
unihema_mm`` stays cheap and no registration call is needed. The nodes without
locations hold nothing of their own; mmengine looks a type up in the node of the
default scope first and warns where there is none.
"""

from mmengine import registry as mmengine_registry
from mmengine.registry import Registry

SCOPE = 'unihema_mm'


def _child(parent: str, *locations: str) -> Registry:
    root = getattr(mmengine_registry, parent)
    return Registry(root.name, parent=root, scope=SCOPE, locations=[f'{SCOPE}.{name}' for name in locations])


MODELS = _child('MODELS', 'models')
DATASETS = _child('DATASETS', 'datasets.smear')
DATA_SAMPLERS = _child('DATA_SAMPLERS', 'datasets.samplers')
TRANSFORMS = _child('TRANSFORMS', 'datasets.transforms')
HOOKS = _child('HOOKS', 'engine.hooks')
METRICS = _child('METRICS', 'evaluation.metrics')
OPTIM_WRAPPERS = _child('OPTIM_WRAPPERS', 'engine.optimizers')
OPTIM_WRAPPER_CONSTRUCTORS = _child('OPTIM_WRAPPER_CONSTRUCTORS', 'engine.optimizers')

EVALUATOR = _child('EVALUATOR')
FUNCTIONS = _child('FUNCTIONS')
LOG_PROCESSORS = _child('LOG_PROCESSORS', 'engine.task_log_processor')
LOOPS = _child('LOOPS', 'engine.loops')
MODEL_WRAPPERS = _child('MODEL_WRAPPERS')
OPTIMIZERS = _child('OPTIMIZERS')
PARAM_SCHEDULERS = _child('PARAM_SCHEDULERS')
RUNNERS = _child('RUNNERS')
TASK_UTILS = _child('TASK_UTILS', 'datasets.text_generation')
VISBACKENDS = _child('VISBACKENDS')
VISUALIZERS = _child('VISUALIZERS', 'visualization.smear_visualizer')
WEIGHT_INITIALIZERS = _child('WEIGHT_INITIALIZERS')
