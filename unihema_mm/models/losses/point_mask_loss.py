"""Mask losses at sampled points (PointRend, arXiv 1912.08193; Mask2Former, arXiv 2112.01527)."""

import torch
from mmcv.ops import point_sample
from torch import Tensor, nn

from unihema_mm.registry import MODELS

CROSS_ENTROPY = dict(type='mmdet.CrossEntropyLoss', use_sigmoid=True, loss_weight=5.0)
DICE = dict(type='mmdet.DiceLoss', naive_dice=True, eps=1.0, loss_weight=5.0)


@MODELS.register_module()
class PointMaskLoss(nn.Module):
    """Cross-entropy and Dice of masks at uncertain points.

    Points lie in the image; the padding around it takes no part.

    Args:
        loss_mask (dict, optional): Config of the loss per point, by default cross-entropy of weight 5.
        loss_dice (dict, optional): Config of the loss per mask, by default Dice of weight 5.
        num_points (int): Points per mask.
        oversample_ratio (float): Candidates per point.
        importance_sample_ratio (float): Part of the points that are the most uncertain candidates; the others
            are uniform.
    """

    def __init__(
        self,
        loss_mask: dict | None = None,
        loss_dice: dict | None = None,
        num_points: int = 12544,
        oversample_ratio: float = 3.0,
        importance_sample_ratio: float = 0.75,
    ) -> None:
        super().__init__()
        self.loss_mask = MODELS.build(loss_mask or CROSS_ENTROPY)
        self.loss_dice = MODELS.build(loss_dice or DICE)
        self.num_points = num_points
        self.oversample_ratio = oversample_ratio
        self.importance_sample_ratio = importance_sample_ratio

    def forward(
        self, logits: list[Tensor], masks: list[Tensor], extents: list[Tensor], avg_factor: float
    ) -> tuple[Tensor, Tensor]:
        """Compute both losses over the masks of a batch.

        Args:
            logits (list[Tensor]): Per image (n, h, w) over the canvas.
            masks (list[Tensor]): Per image ground truth, (n, H, W) over the canvas.
            extents (list[Tensor]): Per image the part of the canvas that is image, (2, ) as (width, height).
            avg_factor (float): Divisor of the sum over masks.

        Returns:
            tuple[Tensor, Tensor]: Weighted mask loss and Dice loss.
        """
        counts = [len(rows) for rows in logits]
        logits = torch.cat(logits)
        if not len(logits):
            zero = logits.sum()
            return zero, zero
        extent = torch.cat([extent.expand(count, 2) for count, extent in zip(counts, extents, strict=True)])
        with torch.no_grad():
            points = sample_uncertain_points(
                logits, extent, self.num_points, self.oversample_ratio, self.importance_sample_ratio
            )
            labels = torch.cat(
                [
                    point_sample(rows[:, None].float(), part)[:, 0]
                    for rows, part in zip(masks, points.split(counts), strict=True)
                ]
            )
        predicted = point_sample(logits[:, None], points)[:, 0]
        loss_mask = self.loss_mask(
            predicted.flatten(), labels.flatten(), avg_factor=avg_factor * self.num_points
        )
        return loss_mask, self.loss_dice(predicted, labels, avg_factor=avg_factor)


def sample_uncertain_points(
    logits: Tensor, extent: Tensor, num_points: int, oversample_ratio: float, importance_sample_ratio: float
) -> Tensor:
    """Points with small absolute logits, and uniform ones.

    mmdet's ``get_uncertain_point_coords_with_randomness`` for images that do not fill the canvas.

    Args:
        logits (Tensor): (n, h, w) over the canvas.
        extent (Tensor): Part of the canvas to sample from, (n, 2) as (width, height).
        num_points (int): Points per mask.
        oversample_ratio (float): Candidates per point.
        importance_sample_ratio (float): Part of the points that are the most uncertain candidates.

    Returns:
        Tensor: (n, num_points, 2) as (x, y), normalised by the canvas.
    """
    num_masks, num_uncertain = len(logits), int(importance_sample_ratio * num_points)
    candidates = torch.rand(num_masks, int(oversample_ratio * num_points), 2, device=logits.device)
    candidates = candidates * extent[:, None]
    uncertainty = point_sample(logits[:, None], candidates)[:, 0].abs()
    chosen = uncertainty.topk(num_uncertain, dim=1, largest=False).indices
    uniform = torch.rand(num_masks, num_points - num_uncertain, 2, device=logits.device)
    chosen = candidates.gather(1, chosen[..., None].expand(-1, -1, 2))
    return torch.cat([chosen, uniform * extent[:, None]], dim=1)
