"""A mask for each detected cell."""

import torch
from mmdet.models.layers import MLP
from mmdet.structures import SampleList
from mmdet.structures.bbox import bbox_xyxy_to_cxcywh
from mmdet.utils import reduce_mean
from torch import Tensor
from torch.nn import functional as F

from unihema_mm.models.layers import BoxMaskPrior, MaskFeatures, mask_logits
from unihema_mm.models.object_queries import ObjectQueries
from unihema_mm.models.task_modules import InstanceTargets, denoising_matches, masks_in_image
from unihema_mm.models.tasks.base import Task
from unihema_mm.registry import MODELS


@MODELS.register_module()
class InstanceMaskTask(Task):
    """Mask branch of Mask DINO (arXiv 2206.02777) on the object queries of the detector.

    A mask is the product of an embedded query with mask features of stride 4. Objects are assigned to queries
    by class and box, as for detection, so that box and mask of a query belong to one object. Every decoder
    layer is supervised, and the positive denoising queries are where the group has some. (:class:`MaskDINO`
    is the complete model, with initial boxes from masks and mask costs in the assignment.)

    Args:
        shallow_dims (int): Channels of the first backbone map, of stride 4.
        embed_dims (int): Width of the object queries.
        mask_dims (int, optional): Channels of the mask features, by default ``embed_dims``.
        loss_points (dict, optional): See :class:`PointMaskLoss`.
        box_prior (bool): Whether to add the mask that the box of a query suggests, see :class:`BoxMaskPrior`.
            In training it is the box of the object, in prediction that of the query. Mask DINO has no such
            thing: its queries learn over many epochs where in the image they are. Defaults to False.
        **kwargs: See :class:`Task`.
    """

    reads = ('objects', 'memory', 'backbone')

    def __init__(
        self,
        shallow_dims: int,
        embed_dims: int = 256,
        mask_dims: int | None = None,
        loss_points: dict | None = None,
        box_prior: bool = False,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.features = MaskFeatures(shallow_dims, embed_dims, mask_dims)
        self.embed = MLP(embed_dims, embed_dims, mask_dims or embed_dims, 3)
        self.loss_points = MODELS.build(loss_points or dict(type='PointMaskLoss'))
        self.box_prior = BoxMaskPrior() if box_prior else None

    def loss(
        self, samples: SampleList, objects: ObjectQueries, memory: tuple, backbone: tuple[Tensor, ...]
    ) -> dict[str, Tensor]:
        """``loss_mask`` and ``loss_dice`` of each layer; see :class:`Task`.

        The names of layers before the last start with ``d{i}.``, those of denoising queries with ``dn_``.
        """
        features = self._mask_features(memory, backbone)
        targets = [InstanceTargets.from_sample(sample, features.device) for sample in samples]
        counted = features.new_tensor(sum(len(target.labels) for target in targets), dtype=torch.float)
        avg_factor = reduce_mean(counted).clamp(min=1).item()
        stages = [
            *zip(
                _layer_names(len(objects.states)),
                objects.states,
                objects.matches,
                [avg_factor] * len(objects.states),
                strict=True,
            )
        ]
        if objects.dn_meta:
            groups = max(objects.dn_meta['num_denoising_groups'], 1)
            denoised = objects.hidden_states[-1, :, : objects.num_denoising]
            stages.append(('dn_', denoised, denoising_matches(targets, objects.dn_meta), avg_factor * groups))
        extents = [target.extent for target in targets]
        losses = {}
        for prefix, states, matches, factor in stages:
            chosen = [query for query, _ in matches]
            # A wrong box would only teach the mask to fight it.
            boxes = [
                bbox_xyxy_to_cxcywh(target.boxes[index] / target.scale)
                for target, (_, index) in zip(targets, matches, strict=True)
            ]
            logits = self._logits(states, chosen, boxes, features, samples)
            masks = [target.masks[index] for target, (_, index) in zip(targets, matches, strict=True)]
            loss_mask, loss_dice = self.loss_points(logits, masks, extents, factor)
            losses.update({f'{prefix}loss_mask': loss_mask, f'{prefix}loss_dice': loss_dice})
        return losses

    def predict(
        self,
        samples: SampleList,
        objects: ObjectQueries,
        memory: tuple,
        backbone: tuple[Tensor, ...],
        rescale: bool = True,
    ) -> None:
        """Write ``pred_instances`` with ``masks`` and ``mask_scores``; see :class:`Task`."""
        features = self._mask_features(memory, backbone)
        detections = objects.detections(rescale)
        chosen = [found.queries for found in detections]
        boxes = [rows[query] for rows, query in zip(objects.predictions[1][-1], chosen, strict=True)]
        masks = self._logits(objects.states[-1], chosen, boxes, features, samples)
        for sample, found, logits in zip(samples, detections, masks, strict=True):
            found.masks, quality = masks_in_image(logits, sample.metainfo, rescale)
            found.mask_scores = found.scores * quality
            sample.pred_instances = found

    def _mask_features(self, memory: tuple, backbone: tuple[Tensor, ...]) -> Tensor:
        height, width = memory.shapes[0].tolist()
        finest = memory.values[:, : height * width].transpose(1, 2).unflatten(2, (height, width))
        shallow = backbone[0]
        if memory.padding is not None:
            # Beyond the border of an image, the convolutions read zeros.
            padding = memory.padding[:, : height * width].unflatten(1, (height, width)).unsqueeze(1)
            finest = finest.masked_fill(padding, 0)
            shallow = shallow.masked_fill(F.interpolate(padding.float(), shallow.shape[-2:]).bool(), 0)
        return self.features(shallow, finest).float()

    def _logits(
        self,
        states: Tensor,
        chosen: list[Tensor],
        boxes: list[Tensor],
        features: Tensor,
        samples: SampleList,
    ) -> list[Tensor]:
        """Mask logits (n, h, w) of the chosen queries of each image and their boxes (n, 4)."""
        logits = [
            mask_logits(rows[query], image)
            for rows, query, image in zip(self.embed(states), chosen, features, strict=True)
        ]
        if self.box_prior is None:
            return logits
        shapes = [
            (features.shape[-2:], sample.metainfo['batch_input_shape'], sample.metainfo['img_shape'][:2])
            for sample in samples
        ]
        return [
            masks + self.box_prior(rows, *shape)
            for masks, rows, shape in zip(logits, boxes, shapes, strict=True)
        ]


def _layer_names(num_layers: int) -> list[str]:
    return [*(f'd{index}.' for index in range(num_layers - 1)), '']
