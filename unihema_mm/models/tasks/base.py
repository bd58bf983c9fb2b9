"""What a task is to the model."""

from abc import ABCMeta, abstractmethod
from typing import Any

import torch
from mmdet.structures import SampleList
from mmengine.model import BaseModule, ModuleDict
from mmengine.structures import BaseDataElement
from torch import Tensor

from unihema_mm.utils.errors import InputError


class Task(BaseModule, metaclass=ABCMeta):
    """One job of :class:`UniHema`: its own layers, its loss and its predictions.

    A new task is a registered subclass and a line in ``model.tasks`` of the config. The model computes the
    features named in :attr:`reads` once for all tasks of an image and passes them as keyword arguments;
    :class:`SmearFeatures` describes them.

    Args:
        loss_weight (float): Factor of all losses of the task.
        init_cfg (dict, optional): Initialisation config of mmengine.

    Attributes:
        reads (tuple[str, ...]): Names of :attr:`SmearFeatures.NAMES`.
        denoising (bool): Whether training wants denoising queries in the decoder, which need true boxes.
    """

    reads: tuple[str, ...] = ()
    denoising: bool = False

    def __init__(self, loss_weight: float = 1.0, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.loss_weight = loss_weight

    @abstractmethod
    def loss(self, samples: SampleList, **features: Any) -> dict[str, Tensor]:
        """Losses of a group of images, without :attr:`loss_weight`.

        The names do not depend on the batch, and a batch without objects reaches the same parameters, or
        distributed training would wait forever.

        Args:
            samples (list[:obj:`DetDataSample`]): bs samples with ground truth.
            **features: The features in :attr:`reads`.

        Returns:
            dict[str, Tensor]: Scalars whose names contain 'loss'.
        """

    @abstractmethod
    def predict(self, samples: SampleList, rescale: bool = True, **features: Any) -> None:
        """Write the predictions of a group of images into their samples.

        Args:
            samples (list[:obj:`DetDataSample`]): bs samples.
            rescale (bool): Whether results are in original pixels, else in those of the input.
            **features: The features in :attr:`reads`.
        """

    def check_metainfo(self, metainfo: dict) -> None:
        """Check before training that a data set fits.

        Args:
            metainfo (dict): Of the data set, e.g. ``classes``.

        Raises:
            InputError: It does not.
        """


class TaskDict(ModuleDict):
    """The tasks of a model by key.

    Their initialisation leaves the random stream as it was, so that all other weights start as those of a
    model without them.
    """

    def init_weights(self) -> None:
        """Initialise all tasks."""
        with torch.random.fork_rng():
            super().init_weights()


def truth(sample: BaseDataElement, field: str, mend: str) -> Any:
    """Ground truth of a sample, data or metainfo.

    Args:
        sample (:obj:`BaseDataElement`): Data sample.
        field (str): Name of the field; that of an instance field has a dot, ``'gt_instances.attributes'``.
        mend (str): What to do where it is absent.

    Raises:
        InputError: The sample lacks it.
    """
    value = sample
    for name in field.split('.'):
        value = None if value is None else value.get(name)
    if value is None:
        raise InputError(f'{sample.metainfo.get("img_path", "data sample")}: {field} is missing; {mend}')
    return value
