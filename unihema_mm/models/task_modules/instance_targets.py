"""Ground truth of instance segmentation, as the losses need it."""

from typing import NamedTuple

import torch
from mmdet.structures import DetDataSample
from torch import Tensor
from torch.nn import functional as F

Match = tuple[Tensor, Tensor]


class InstanceTargets(NamedTuple):
    """Objects of one image.

    Attributes:
        labels (Tensor): (n, ).
        boxes (Tensor): (n, 4) as pixel (x1, y1, x2, y2).
        masks (Tensor): Bool, (n, H, W) over the padded canvas of the batch.
        scale (Tensor): Image (width, height, width, height) in pixels, (4, ).
        extent (Tensor): Part of the canvas that the image covers, (2, ) as (width, height).
        meta (dict): Metainfo of the image.
    """

    labels: Tensor
    boxes: Tensor
    masks: Tensor
    scale: Tensor
    extent: Tensor
    meta: dict

    @classmethod
    def from_sample(cls, sample: DetDataSample, device: torch.device) -> 'InstanceTargets':
        """Read the ground truth of a data sample.

        Args:
            sample (:obj:`DetDataSample`): ``gt_instances`` with ``bboxes``, ``labels`` and ``masks``
                (BitmapMasks or PolygonMasks), metainfo ``img_shape`` and ``batch_input_shape``.
            device (torch.device): Device of the tensors.

        Returns:
            InstanceTargets: The objects.

        Raises:
            ValueError: The sample has no masks.
        """
        instances = sample.gt_instances
        if 'masks' not in instances:
            raise ValueError(
                f'{sample.metainfo.get("img_path", "data sample")}: gt_instances.masks is missing; '
                'set with_mask=True in LoadAnnotations'
            )
        canvas = sample.metainfo.get('batch_input_shape', sample.img_shape)
        masks = instances.masks.to_tensor(torch.bool, device)
        # Cuts where, in a mixed batch, the preprocessor has padded beyond the canvas of the sample's group.
        masks = F.pad(masks, (0, canvas[1] - masks.size(2), 0, canvas[0] - masks.size(1)))
        height, width = sample.img_shape
        return cls(
            labels=instances.labels,
            boxes=instances.bboxes,
            masks=masks,
            scale=torch.tensor([width, height, width, height], dtype=torch.float, device=device),
            extent=image_extent(sample, device),
            meta=sample.metainfo,
        )


def image_extent(sample: DetDataSample, device: torch.device) -> Tensor:
    """Part of the padded canvas that an image covers.

    Args:
        sample (:obj:`DetDataSample`): Metainfo ``img_shape`` and ``batch_input_shape``.
        device (torch.device): Device of the result.

    Returns:
        Tensor: (2, ) as (width, height) in (0, 1].
    """
    height, width = sample.img_shape
    canvas_height, canvas_width = sample.metainfo.get('batch_input_shape', sample.img_shape)
    return torch.tensor([width / canvas_width, height / canvas_height], device=device)


def denoising_matches(targets: list[InstanceTargets], dn_meta: dict[str, int]) -> list[Match]:
    """Pairs of denoising slot and object, which need no matching.

    Args:
        targets (list[InstanceTargets]): Objects of each image.
        dn_meta (dict[str, int]): See :class:`MaskDenoising`.

    Returns:
        list[tuple[Tensor, Tensor]]: Per image the slots and the indices of their objects, both
        (num_groups * n, ).
    """
    num_groups = dn_meta['num_denoising_groups']
    group_size = dn_meta['num_denoising_queries'] // max(num_groups, 1)
    matches = []
    for target in targets:
        index = torch.arange(len(target.labels), device=target.labels.device)
        first = group_size * torch.arange(num_groups, device=index.device)
        matches.append(((first[:, None] + index).flatten(), index.repeat(num_groups)))
    return matches
