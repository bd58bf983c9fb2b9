"""A mask for each detected cell."""

import torch
from mmdet.models.layers import MLP
from mmdet.structures import SampleList
from mmdet.utils import reduce_mean
from torch import Tensor
from torch.nn import functional as F

from unihema_mm.models.layers import MaskFeatures, mask_logits
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
        **kwargs: See :class:`Task`.
    """

    reads = ('objects', 'memory', 'backbone')

    def __init__(
        self,
        shallow_dims: int,
        embed_dims: int = 256,
        mask_dims: int | None = None,
        loss_points: dict | None = None,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.features = MaskFeatures(shallow_dims, embed_dims, mask_dims)
        self.embed = MLP(embed_dims, embed_dims, mask_dims or embed_dims, 3)
        self.loss_points = MODELS.build(loss_points or dict(type='PointMaskLoss'))

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
        stages = dict(
            zip(
                _layer_names(len(objects.states)),
                zip(objects.states, objects.matches, strict=True),
                strict=True,
            )
        )
        losses = {
            f'{prefix}{name}': value
            for prefix, (states, matches) in stages.items()
            for name, value in self._stage_losses(states, matches, features, targets, avg_factor).items()
        }
        if objects.dn_meta:
            denoised = self._stage_losses(
                objects.hidden_states[-1, :, : objects.num_denoising],
                denoising_matches(targets, objects.dn_meta),
                features,
                targets,
                avg_factor * max(objects.dn_meta['num_denoising_groups'], 1),
            )
            losses.update({f'dn_{name}': value for name, value in denoised.items()})
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
        embeds = self.embed(objects.states[-1])
        for place, (sample, found) in enumerate(zip(samples, objects.detections(rescale), strict=True)):
            logits = mask_logits(embeds[place, found.queries], features[place])
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

    def _stage_losses(
        self,
        states: Tensor,
        matches: list,
        features: Tensor,
        targets: list[InstanceTargets],
        avg_factor: float,
    ) -> dict[str, Tensor]:
        embeds = self.embed(states)
        logits = [
            mask_logits(rows[query], image)
            for rows, (query, _), image in zip(embeds, matches, features, strict=True)
        ]
        masks = [target.masks[chosen] for target, (_, chosen) in zip(targets, matches, strict=True)]
        loss_mask, loss_dice = self.loss_points(
            logits, masks, [target.extent for target in targets], avg_factor
        )
        return dict(loss_mask=loss_mask, loss_dice=loss_dice)


def _layer_names(num_layers: int) -> list[str]:
    return [*(f'd{index}.' for index in range(num_layers - 1)), '']
