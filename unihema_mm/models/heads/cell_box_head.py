"""Boxes and classes of cells."""

import torch
from mmdet.models import DINOHead
from mmengine.structures import InstanceData
from torch import Tensor
from torch.nn import functional as F

from unihema_mm.registry import MODELS


@MODELS.register_module()
class CellBoxHead(DINOHead):
    """mmdet's DINO head, hardened for small images, mixed precision and bad numbers.

    Parameters and results are those of :class:`mmdet.models.DINOHead`. In
    addition, predictions leave the head as float32 (the matcher has no bfloat16
    path), an image may have fewer candidates than ``test_cfg.max_per_img``, and
    predictions that are not finite stop the run with the name of the image.
    """

    def forward(self, hidden_states: Tensor, references: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Predict classes and boxes for every decoder layer.

        Args:
            hidden_states (Tensor): (num_layers, bs, num_queries, dim).
            references (list[Tensor]): num_layers + 1 reference boxes, each
                (bs, num_queries, 4) as normalised (cx, cy, w, h).

        Returns:
            tuple[Tensor, Tensor]: Logits (num_layers, bs, num_queries,
            num_classes) and normalised boxes (num_layers, bs, num_queries, 4).
        """
        logits, boxes = super().forward(hidden_states, references)
        return logits.float(), boxes.float()

    def _get_targets_single(
        self, cls_score: Tensor, bbox_pred: Tensor, gt_instances: InstanceData, img_meta: dict
    ) -> tuple:
        try:
            return super()._get_targets_single(cls_score, bbox_pred, gt_instances, img_meta)
        except ValueError as error:  # scipy refuses a cost matrix with NaN or infinity
            if torch.isfinite(cls_score).all() and torch.isfinite(bbox_pred).all():
                raise
            raise FloatingPointError(
                f'{img_meta.get("img_path", "image")}: predictions are not finite; '
                'lower the learning rate or check the image and its boxes'
            ) from error

    def _predict_by_feat_single(
        self, cls_score: Tensor, bbox_pred: Tensor, img_meta: dict, rescale: bool = True
    ) -> InstanceData:
        wanted = self.test_cfg.get('max_per_img', len(cls_score))
        missing = -(-wanted // cls_score.size(1)) - len(cls_score)
        if missing <= 0:
            return super()._predict_by_feat_single(cls_score, bbox_pred, img_meta, rescale)
        cls_score = F.pad(cls_score, (0, 0, 0, missing), value=float('-inf'))
        bbox_pred = F.pad(bbox_pred, (0, 0, 0, missing))
        results = super()._predict_by_feat_single(cls_score, bbox_pred, img_meta, rescale)
        return results[results.scores > 0]
