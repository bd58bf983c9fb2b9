"""Matching of predicted and true instances by class, box and mask."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from mmcv.ops import point_sample
from mmdet.models.task_modules import BaseAssigner
from mmdet.structures.bbox import bbox_cxcywh_to_xyxy
from mmengine.structures import InstanceData
from torch import Tensor

from .instance_targets import InstanceTargets, Match


class Predictions(NamedTuple):
    """What the queries of a batch predict, of one stage or with a leading axis of stages.

    Attributes:
        cls_scores (Tensor): Logits, (bs, num_queries, num_classes).
        bbox_preds (Tensor): (bs, num_queries, 4) as normalised (cx, cy, w, h).
        mask_embeds (Tensor): (bs, num_queries, dim); masks are their products with the mask features.
    """

    cls_scores: Tensor
    bbox_preds: Tensor
    mask_embeds: Tensor


@torch.no_grad()
def match_instances(
    assigner: BaseAssigner,
    predictions: Predictions,
    mask_features: Tensor,
    targets: Sequence[InstanceTargets],
    img_metas: Sequence[dict],
    num_points: int,
) -> list[Match]:
    """Assign the objects of every image to queries.

    Args:
        assigner (:obj:`BaseAssigner`): mmdet's assigner; costs read ``scores`` (logits), ``bboxes`` (pixel
            xyxy) and ``masks`` (logits and labels at points).
        predictions (Predictions): Of one stage.
        mask_features (Tensor): (bs, dim, h, w).
        targets (Sequence[InstanceTargets]): Objects of each image.
        img_metas (Sequence[dict]): Metainfo of each image.
        num_points (int): Random points at which masks are compared, the same for all masks of an image.

    Returns:
        list[tuple[Tensor, Tensor]]: Per image the queries, ascending, and the indices of their objects.

    Raises:
        FloatingPointError: Predictions are not finite.
    """
    matches = []
    for *rows, features, target, meta in zip(*predictions, mask_features, targets, img_metas, strict=True):
        found, truth = matching_instances(Predictions(*rows), features, target, num_points)
        try:
            assigned = assigner.assign(found, truth, meta).gt_inds
        except ValueError as error:  # scipy refuses a cost matrix with NaN or infinity
            if all(torch.isfinite(values).all() for values in rows):
                raise
            raise FloatingPointError(
                f'{meta.get("img_path", "image")}: predictions are not finite; '
                'lower the learning rate or check the image and its boxes'
            ) from error
        query = assigned.nonzero().squeeze(1)
        matches.append((query, assigned[query] - 1))
    return matches


def matching_instances(
    predictions: Predictions, features: Tensor, target: InstanceTargets, num_points: int
) -> tuple[InstanceData, InstanceData]:
    """Predictions and objects of one image in the form that mmdet's assigner reads.

    Args:
        predictions (Predictions): Of one image, without the batch axis.
        features (Tensor): Mask features, (dim, h, w).
        target (InstanceTargets): Objects.
        num_points (int): Random points.

    Returns:
        tuple[:obj:`InstanceData`, :obj:`InstanceData`]: With ``masks`` of shape (n, num_points).
    """
    points = torch.rand(1, num_points, 2, device=features.device) * target.extent
    with torch.autocast(features.device.type, enabled=False):
        # Sampling and the inner product are linear: the features are sampled, not the masks of all queries.
        masks = predictions.mask_embeds.float() @ point_sample(features[None].float(), points)[0]
    found = InstanceData(
        scores=predictions.cls_scores,
        bboxes=bbox_cxcywh_to_xyxy(predictions.bbox_preds) * target.scale,
        masks=masks,
    )
    truth = point_sample(target.masks[None].float(), points)[0]
    return found, InstanceData(labels=target.labels, bboxes=target.boxes, masks=truth)
