"""One binary mask per image, found by its prompt."""

import torch
from mmdet.structures import SampleList
from mmengine.structures import PixelData
from torch import Tensor
from torch.nn import functional as F

from unihema_mm.models.object_queries import ObjectQueries
from unihema_mm.models.tasks.base import Task, truth
from unihema_mm.registry import MODELS

IGNORED = 255


@MODELS.register_module()
class SegmentationTask(Task):
    """Segment what the prompt names, by QGMF.

    Losses are those of the released code: soft Dice (smooth 1) over all pixels of the batch with weight 2,
    and binary focal loss with weight 1. Padding and pixels marked 255 take no part.

    Args:
        finder (dict): Config of :class:`QueryGuidedMaskFinder`; ``embed_dims`` is filled in.
        shallow_from (str): Where F_1 comes from: 'backbone', or 'levels' for the neck's projection of it, as
            in the released code.
        shallow_level (int): Place of the map there. Its stride and channels must be those of the finder.
        embed_dims (int): Width of queries and encoder tokens.
        loss_dice (dict, optional): Config of the Dice loss on rows of logits.
        loss_focal (dict, optional): Config of the focal loss on logits of pixels.
        **kwargs: See :class:`Task`.
    """

    def __init__(
        self,
        finder: dict,
        shallow_from: str = 'backbone',
        shallow_level: int = 0,
        embed_dims: int = 256,
        loss_dice: dict | None = None,
        loss_focal: dict | None = None,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.reads = ('inputs', 'objects', 'memory', shallow_from)
        self.shallow_from = shallow_from
        self.shallow_level = shallow_level
        self.finder = MODELS.build({'embed_dims': embed_dims, **finder})
        self.loss_dice = MODELS.build(
            loss_dice
            or dict(type='mmdet.DiceLoss', use_sigmoid=True, naive_dice=True, eps=1.0, loss_weight=2.0)
        )
        self.loss_focal = MODELS.build(loss_focal or dict(type='mmdet.FocalLoss', gamma=2.0, alpha=0.25))

    def loss(self, samples: SampleList, **features) -> dict[str, Tensor]:
        """``loss_dice`` and ``loss_focal``; see :class:`Task`."""
        logits = self._logits(**features)[:, 0]
        target = torch.full_like(logits, IGNORED, dtype=torch.uint8)
        for row, sample in zip(target, samples, strict=True):
            mask = truth(sample, 'gt_sem_seg', 'load it with LoadCellMask').sem_seg[0]
            # In a mixed batch the preprocessor may have padded it beyond the canvas of the sample's group.
            mask = mask[: row.size(0), : row.size(1)]
            row[: mask.size(0), : mask.size(1)] = mask
        annotated = target != IGNORED
        logits, target = logits[annotated], target[annotated].float()
        if not len(target):
            return dict(loss_dice=logits.sum(), loss_focal=logits.sum())
        return dict(
            loss_dice=self.loss_dice(logits[None], target[None]), loss_focal=self.loss_focal(logits, target)
        )

    def predict(self, samples: SampleList, rescale: bool = True, **features) -> None:
        """Write ``pred_sem_seg``, 1 inside the mask; see :class:`Task`."""
        for logits, sample in zip(self._logits(**features), samples, strict=True):
            height, width = sample.img_shape[:2]
            logits = logits[None, :, :height, :width]
            if rescale and tuple(sample.ori_shape[:2]) != (height, width):
                logits = F.interpolate(
                    logits, size=tuple(sample.ori_shape[:2]), mode='bilinear', align_corners=False
                )
            sample.pred_sem_seg = PixelData(sem_seg=(logits[0] > 0).to(torch.uint8))

    def _logits(self, inputs: Tensor, objects: ObjectQueries, memory: tuple, **shallow: tuple) -> Tensor:
        """Mask logits of the padded batch in float32, (bs, 1, H, W)."""
        return self.finder(
            queries=objects.states[-1],
            memory=memory.values,
            level_shape=memory.shapes[0].tolist(),
            shallow=shallow[self.shallow_from][self.shallow_level],
            output_size=inputs.shape[-2:],
            padding=memory.padding,
            image=inputs if self.finder.upsampler.reads_image else None,
        ).float()
