"""Bounding boxes of predicted masks."""

import torch
from mmdet.structures.bbox import bbox_xyxy_to_cxcywh
from torch import Tensor


def boxes_from_masks(mask_logits: Tensor, extent: Tensor) -> Tensor:
    """Tight boxes around the positive logits, the initial boxes of Mask DINO's decoder.

    A pixel is a cell of the grid: a box ends behind its last pixel, so a mask that fills the image has
    the box (0.5, 0.5, 1, 1).

    Args:
        mask_logits (Tensor): (bs, num_masks, h, w) over the padded canvas.
        extent (Tensor): Part of the canvas that the image covers, (bs, 2) as (width, height) in (0, 1].
            Pixels outside are ignored.

    Returns:
        Tensor: (bs, num_masks, 4) as (cx, cy, w, h), normalised by the image; zeros for an empty mask.
    """
    height, width = mask_logits.shape[-2:]
    image = _covered(height, extent[:, 1])[:, :, None] & _covered(width, extent[:, 0])[:, None]
    inside = (mask_logits > 0) & image[:, None]
    left, right = _span(inside.any(dim=-2))
    top, bottom = _span(inside.any(dim=-1))
    boxes = torch.stack([left, top, right, bottom], dim=-1).float()
    boxes = boxes / boxes.new_tensor([width, height, width, height]) / extent.repeat(1, 2)[:, None]
    return bbox_xyxy_to_cxcywh(boxes.clamp(max=1))


def _covered(size: int, extent: Tensor) -> Tensor:
    """Cells along one axis whose centre lies in the image, (bs, size)."""
    centres = (torch.arange(size, device=extent.device) + 0.5) / size
    return centres < extent[:, None]


def _span(hit: Tensor) -> tuple[Tensor, Tensor]:
    """First True along the last axis and one after the last; (0, 0) where there is none."""
    size = hit.size(-1)
    some = hit.any(dim=-1)
    first = hit.int().argmax(dim=-1)
    end = size - hit.flip(-1).int().argmax(dim=-1)
    return first * some, end * some
