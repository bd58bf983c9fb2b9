"""Registries of unihema_mm: children of mmengine's, scope ``unihema_mm``.

``locations`` lets mmengine import the modules on the first build, so
``import unihema_mm`` stays cheap and no registration call is needed.
"""

from mmengine.registry import DATASETS as MMENGINE_DATASETS
from mmengine.registry import HOOKS as MMENGINE_HOOKS
from mmengine.registry import METRICS as MMENGINE_METRICS
from mmengine.registry import MODELS as MMENGINE_MODELS
from mmengine.registry import OPTIM_WRAPPER_CONSTRUCTORS as MMENGINE_OPTIM_WRAPPER_CONSTRUCTORS
from mmengine.registry import TRANSFORMS as MMENGINE_TRANSFORMS
from mmengine.registry import Registry

SCOPE = 'unihema_mm'

MODELS = Registry('model', parent=MMENGINE_MODELS, scope=SCOPE, locations=['unihema_mm.models'])
DATASETS = Registry('dataset', parent=MMENGINE_DATASETS, scope=SCOPE, locations=['unihema_mm.datasets'])
TRANSFORMS = Registry(
    'transform', parent=MMENGINE_TRANSFORMS, scope=SCOPE, locations=['unihema_mm.datasets.transforms']
)
HOOKS = Registry('hook', parent=MMENGINE_HOOKS, scope=SCOPE, locations=['unihema_mm.engine.hooks'])
METRICS = Registry('metric', parent=MMENGINE_METRICS, scope=SCOPE, locations=['unihema_mm.evaluation.metrics'])
OPTIM_WRAPPER_CONSTRUCTORS = Registry(
    'optimizer wrapper constructor',
    parent=MMENGINE_OPTIM_WRAPPER_CONSTRUCTORS,
    scope=SCOPE,
    locations=['unihema_mm.engine.optimizers'],
)
