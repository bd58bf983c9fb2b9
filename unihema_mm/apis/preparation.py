"""From pixels to the input of a model, as its test prepares them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from mmcv.transforms import Compose, LoadAnnotations, LoadImageFromFile
from mmdet.datasets.transforms import FilterAnnotations
from mmengine.config import Config

from unihema_mm.datasets.transforms import LoadCellMask
from unihema_mm.engine.config_sets import SetConfig, sets_of_config
from unihema_mm.registry import TRANSFORMS
from unihema_mm.utils.errors import InputError

_TRUTH = (LoadAnnotations, LoadCellMask, FilterAnnotations)


def set_of_task(cfg: Config, task: str) -> SetConfig:
    """Data set of a config that tests a task.

    A test set whose first task it is comes first, then one that has it among others, then the first test set
    of all; without test sets those of the validation are taken.

    Raises:
        InputError: The config has neither.
    """
    sets = list(sets_of_config(cfg))
    for loader in ('test_dataloader', 'val_dataloader'):
        own = [item for item in sets if item.loader == loader and item.config.get('pipeline')]
        if own:
            return min(own, key=lambda item: (item.tasks[:1] != (task,), task not in item.tasks))
    raise InputError(
        f'{cfg.filename}: has no test_dataloader, whose pipeline prepares the images; use the config of the '
        'training'
    )


class Preparation:
    """The test pipeline of a task, for images in memory: nothing is read, annotations are left out.

    Args:
        cfg: Config of the model.
        task: Task whose test set it is taken from.
    """

    def __init__(self, cfg: Config, task: str) -> None:
        self._float32 = False
        transforms = []
        for transform in set_of_task(cfg, task).config['pipeline']:
            kind = TRANSFORMS.get(transform['type'])
            if kind is not None and issubclass(kind, LoadImageFromFile):
                self._float32 = transform.get('to_float32', False)
            elif kind is None or not issubclass(kind, _TRUTH):
                transforms.append(TRANSFORMS.build(transform))
        self._transforms = Compose(transforms)

    def __call__(self, pixels: np.ndarray, name: str, metainfo: Mapping[str, Any]) -> dict:
        """Prepare one image.

        Args:
            pixels: BGR, uint8, (height, width, 3).
            name: Path or name of the image, for messages.
            metainfo: What its data sample holds beside.

        Returns:
            ``inputs`` (3, H, W) and ``data_samples``.
        """
        shape = pixels.shape[:2]
        record = {
            'img': pixels.astype(np.float32) if self._float32 else pixels,
            'img_path': name,
            'img_id': name,
            'img_shape': shape,
            'ori_shape': shape,
            'height': shape[0],
            'width': shape[1],
            **metainfo,
        }
        packed = self._transforms(record)
        packed['data_samples'].set_metainfo(dict(metainfo))
        return packed
