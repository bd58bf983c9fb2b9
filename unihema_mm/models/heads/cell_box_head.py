"""Boxes and classes of cells."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmdet.models import DINOHead, FocalLoss
from mmdet.models.layers import inverse_sigmoid
from mmdet.structures.bbox import bbox_cxcywh_to_xyxy
from mmengine.structures import InstanceData
from torch import Tensor
from torch.nn import functional as F

from unihema_mm.models.task_modules import Match, known_weights
from unihema_mm.registry import MODELS
from unihema_mm.utils.errors import InputError


@MODELS.register_module()
class CellBoxHead(DINOHead):
    """mmdet's DINO head, hardened for small images, mixed precision and bad numbers.

    Parameters and results are those of :class:`mmdet.models.DINOHead`. In
    addition, predictions leave the head as float32 (the matcher has no bfloat16
    path), an image may have fewer candidates than ``test_cfg.max_per_img``,
    detections name their object query (``queries``), training works without
    denoising queries, and predictions that are not finite stop the run with the
    name of the image. Where an image has ``metainfo['min_score']``, detections
    below this score are left out, before other tasks add masks to them.

    Data sets that annotate different subsets of the classes can be mixed: where
    an image has ``metainfo['annotated']``, the labels that its data set annotates,
    the other classes take no part in its classification loss. Unmarked cells of
    such a class are then no background. Where it has
    ``metainfo['partly_labelled']``, queries without an object take no part in it.

    Args:
        ignore_unannotated (bool): Whether to do so. Otherwise whatever has no box
            is background, as in mmdet. Defaults to True.
        reference_eps (float): Least distance of a coordinate of a reference box
            from 0 and 1 when a prediction is added to it. Defaults to mmdet's
            1e-5; DINO's own code and the released Uni-Hema have 1e-3, as mmdet's
            decoder does.
        **kwargs: See :class:`mmdet.models.DINOHead`.
    """

    def __init__(self, *args, ignore_unannotated: bool = True, reference_eps: float = 1e-5, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.ignore_unannotated = ignore_unannotated
        self.reference_eps = reference_eps

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
        logits, boxes = [], []
        for layer, states in enumerate(hidden_states):
            reference = inverse_sigmoid(references[layer], eps=self.reference_eps)
            logits.append(self.cls_branches[layer](states).float())
            boxes.append((self.reg_branches[layer](states) + reference).sigmoid().float())
        return torch.stack(logits), torch.stack(boxes)

    @staticmethod
    def split_outputs(
        all_layers_cls_scores: Tensor, all_layers_bbox_preds: Tensor, dn_meta: dict[str, int] | None
    ) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
        """Split off the denoising queries as mmdet does; mmdet fails where there are none."""
        if dn_meta is None:
            return all_layers_cls_scores, all_layers_bbox_preds, None, None
        return DINOHead.split_outputs(all_layers_cls_scores, all_layers_bbox_preds, dn_meta)

    @torch.no_grad()
    def match(
        self, cls_score: Tensor, bbox_pred: Tensor, gt_instances: InstanceData, img_meta: dict
    ) -> Match:
        """Assign the objects of one image to queries, as the box loss does.

        Args:
            cls_score (Tensor): Logits, (num_queries, num_classes).
            bbox_pred (Tensor): (num_queries, 4) as normalised (cx, cy, w, h).
            gt_instances (:obj:`InstanceData`): ``bboxes`` in pixels of the input and ``labels``.
            img_meta (dict): ``img_shape``.

        Returns:
            tuple[Tensor, Tensor]: The queries, ascending, and the indices of their objects.

        Raises:
            FloatingPointError: Predictions are not finite.
        """
        height, width = img_meta['img_shape'][:2]
        scale = bbox_pred.new_tensor([width, height, width, height])
        found = InstanceData(scores=cls_score, bboxes=bbox_cxcywh_to_xyxy(bbox_pred) * scale)
        with _named_faults(cls_score, bbox_pred, img_meta):
            assigned = self.assigner.assign(found, gt_instances, img_meta).gt_inds
        query = assigned.nonzero().squeeze(1)
        return query, assigned[query] - 1

    def _get_targets_single(
        self, cls_score: Tensor, bbox_pred: Tensor, gt_instances: InstanceData, img_meta: dict
    ) -> tuple:
        with _named_faults(cls_score, bbox_pred, img_meta):
            targets = super()._get_targets_single(cls_score, bbox_pred, gt_instances, img_meta)
        return self._weigh_classes(targets, img_meta)

    def _get_dn_targets_single(self, gt_instances: InstanceData, img_meta: dict, dn_meta: dict) -> tuple:
        return self._weigh_classes(super()._get_dn_targets_single(gt_instances, img_meta, dn_meta), img_meta)

    def _weigh_classes(self, targets: tuple, img_meta: dict) -> tuple:
        """Replace the weight of each query, (n, ), by one of each query and class, (n, num_classes)."""
        meta = img_meta if self.ignore_unannotated else {}
        if not isinstance(self.loss_cls, FocalLoss):
            if meta.get('annotated') is None and not meta.get('partly_labelled'):
                return targets
            raise InputError(
                f'{meta.get("img_path", "image")}: not all of its cells are annotated, and '
                f'{type(self.loss_cls).__name__} cannot ignore the others; '
                'set model.bbox_head.loss_cls to FocalLoss'
            )
        labels, weights, *rest = targets
        return labels, weights[:, None] * known_weights(labels, self.num_classes, meta), *rest

    def _predict_by_feat_single(
        self, cls_score: Tensor, bbox_pred: Tensor, img_meta: dict, rescale: bool = True
    ) -> InstanceData:
        num_queries, num_classes = cls_score.shape
        wanted = self.test_cfg.get('max_per_img', num_queries)
        missing = max(-(-wanted // num_classes) - num_queries, 0)
        cls_score = F.pad(cls_score, (0, 0, 0, missing), value=float('-inf'))
        bbox_pred = F.pad(bbox_pred, (0, 0, 0, missing))
        results = super()._predict_by_feat_single(cls_score, bbox_pred, img_meta, rescale)
        results.queries = cls_score.sigmoid().flatten().topk(len(results)).indices // num_classes
        kept = results.queries < num_queries
        if 'min_score' in img_meta:
            kept &= results.scores >= img_meta['min_score']
        return results if kept.all() else results[kept]


@contextmanager
def _named_faults(cls_score: Tensor, bbox_pred: Tensor, img_meta: dict) -> Iterator[None]:
    try:
        yield
    except ValueError as error:  # scipy refuses a cost matrix with NaN or infinity
        if torch.isfinite(cls_score).all() and torch.isfinite(bbox_pred).all():
            raise
        raise FloatingPointError(
            f'{img_meta.get("img_path", "image")}: predictions are not finite; '
            'lower the learning rate or check the image and its boxes'
        ) from error
