"""From the outputs of the last layer to instances of one image."""

import torch
from mmdet.structures.bbox import bbox_cxcywh_to_xyxy
from mmengine.structures import InstanceData
from torch import Tensor
from torch.nn import functional as F

PIXELS_AT_ONCE = 2**25


def instance_results(
    cls_scores: Tensor,
    bbox_preds: Tensor,
    mask_logits: Tensor,
    img_meta: dict,
    max_per_img: int,
    rescale: bool = True,
) -> InstanceData:
    """Choose the best pairs of query and class and bring them to the size of the image.

    The score is that of the class times the mean foreground probability of the mask, as in Mask2Former.

    Args:
        cls_scores (Tensor): Logits, (num_queries, num_classes).
        bbox_preds (Tensor): (num_queries, 4) as (cx, cy, w, h), normalised by the image.
        mask_logits (Tensor): (num_queries, h, w) over the padded canvas.
        img_meta (dict): ``img_shape``, ``batch_input_shape`` (canvas) and, for ``rescale``, ``ori_shape``.
        max_per_img (int): Instances at most.
        rescale (bool): Whether results have the original size of the image, else that of the input.

    Returns:
        :obj:`InstanceData`: n instances, best first: ``bboxes`` (n, 4) as pixel (x1, y1, x2, y2) inside
        the image, from the box branch; ``scores`` (n, ) in [0, 1]; ``labels`` (n, ); ``masks`` bool
        (n, height, width).
    """
    scores = cls_scores.sigmoid().flatten()
    scores, index = scores.topk(min(max_per_img, len(scores)))
    query, labels = index // cls_scores.size(1), index % cls_scores.size(1)
    masks, quality = masks_in_image(mask_logits[query], img_meta, rescale)

    height, width = masks.shape[-2:]
    boxes = bbox_cxcywh_to_xyxy(bbox_preds[query]).clamp(0, 1)
    boxes = boxes * boxes.new_tensor([width, height, width, height])
    scores, order = (scores * quality).sort(descending=True, stable=True)
    return InstanceData(bboxes=boxes[order], scores=scores, labels=labels[order], masks=masks[order])


def masks_in_image(mask_logits: Tensor, img_meta: dict, rescale: bool = True) -> tuple[Tensor, Tensor]:
    """Bring masks to the size of the image and say how sure they are.

    Args:
        mask_logits (Tensor): (n, h, w) over the padded canvas.
        img_meta (dict): See :func:`instance_results`.
        rescale (bool): See :func:`instance_results`.

    Returns:
        tuple[Tensor, Tensor]: Bool (n, height, width), and the mean probability of the positive pixels of
        each mask, (n, ), 0 for an empty one.
    """
    image_shape = tuple(img_meta['img_shape'][:2])
    canvas = tuple(img_meta.get('batch_input_shape', image_shape))
    height, width = tuple(img_meta['ori_shape'][:2]) if rescale else image_shape
    masks = mask_logits.new_empty(len(mask_logits), height, width, dtype=torch.bool)
    quality = mask_logits.new_empty(len(mask_logits))
    chunk = max(1, PIXELS_AT_ONCE // (height * width))
    for start in range(0, len(mask_logits), chunk):
        part = slice(start, start + chunk)
        logits = _to_image(mask_logits[part], canvas, image_shape, (height, width))
        masks[part] = logits > 0
        quality[part] = _foreground_probability(logits)
    return masks, quality


def _to_image(logits: Tensor, canvas: tuple, image_shape: tuple, out_shape: tuple) -> Tensor:
    """Upsample to the canvas, cut the padding off, resize; (n, h, w) -> (n, *out_shape)."""
    logits = F.interpolate(logits[:, None], size=canvas, mode='bilinear', align_corners=False)
    logits = logits[..., : image_shape[0], : image_shape[1]]
    if out_shape != image_shape:
        logits = F.interpolate(logits, size=out_shape, mode='bilinear', align_corners=False)
    return logits[:, 0]


def _foreground_probability(logits: Tensor) -> Tensor:
    """Mean probability of the positive pixels of each mask, 0 for an empty one; (n, )."""
    inside = (logits > 0).float()
    return (logits.sigmoid() * inside).sum(dim=(1, 2)) / (inside.sum(dim=(1, 2)) + 1e-6)
