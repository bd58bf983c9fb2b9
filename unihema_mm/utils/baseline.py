"""Plain mmdet DINO of the same size as a UniHema config, the baseline of every comparison."""

import copy
import inspect

from mmdet.models import DINO, DINOHead
from mmengine.config import Config


def _known_arguments(cls: type) -> set[str]:
    """Argument names that ``cls`` and its bases accept by name."""
    return {
        name
        for base in cls.__mro__
        for name in inspect.signature(base.__init__).parameters
        if base is not object and name not in ('self', 'args', 'kwargs')
    }


def dino_baseline(cfg: Config) -> Config:
    """Turn a UniHema config into one of mmdet's DINO; all but the text branch stays.

    Args:
        cfg (Config): Config with a ``UniHema`` model. It is not changed.

    Returns:
        Config: The same config with ``type='mmdet.DINO'`` and ``mmdet.DINOHead``,
        without the arguments that only UniHema has.
    """
    cfg = copy.deepcopy(cfg)
    for node, cls in ((cfg.model, DINO), (cfg.model.bbox_head, DINOHead)):
        known = _known_arguments(cls)
        for name in set(node) - known - {'type'}:
            node.pop(name)
        node.type = f'mmdet.{cls.__name__}'
    return cfg
