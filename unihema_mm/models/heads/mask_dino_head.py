"""Head of Mask DINO: classes, boxes and masks of object queries."""

from collections.abc import Sequence

import torch
from mmdet.models import DINOHead
from mmdet.models.layers import MLP, inverse_sigmoid
from mmdet.structures import SampleList
from mmdet.structures.bbox import bbox_cxcywh_to_xyxy, bbox_xyxy_to_cxcywh
from mmdet.utils import InstanceList, reduce_mean
from mmengine.model import bias_init_with_prob
from torch import Tensor, nn

from unihema_mm.models.layers import mask_logits
from unihema_mm.models.task_modules import (
    InstanceTargets,
    Match,
    Predictions,
    denoising_matches,
    instance_results,
    known_weights,
    match_instances,
)
from unihema_mm.registry import MODELS


@MODELS.register_module()
class MaskDINOHead(DINOHead):
    """Trainable head of Mask DINO (arXiv 2206.02777) on mmdet's DINO head.

    One class, one box and one mask branch serve the two-stage step and all decoder layers. There are
    L + 1 supervised predictions for L layers, the first before any layer. In training the masks of all
    queries are never computed: matching samples the mask features at points, and the losses compute the masks
    of matched queries.

    Args:
        *args: See :class:`mmdet.models.DINOHead`.
        mask_dims (int, optional): Channels of the mask features, by default ``embed_dims``.
        loss_points (dict, optional): Config of the mask losses, by default :class:`PointMaskLoss`.
        prior_prob (float, optional): Initial probability of every class. None keeps PyTorch's random
            initialisation, as the reference does.
        **kwargs: See :class:`mmdet.models.DINOHead`. ``train_cfg.assigner`` may use costs on ``masks``.
    """

    def __init__(
        self,
        *args,
        mask_dims: int | None = None,
        loss_points: dict | None = None,
        prior_prob: float | None = None,
        **kwargs,
    ) -> None:
        self.mask_dims = mask_dims
        self.prior_prob = prior_prob
        super().__init__(*args, **kwargs)
        self.loss_points = MODELS.build(loss_points or dict(type='PointMaskLoss'))

    def _init_layers(self) -> None:
        self.share_pred_layer = True
        super()._init_layers()
        self.mask_branch = MLP(self.embed_dims, self.embed_dims, self.mask_dims or self.embed_dims, 3)

    def init_weights(self) -> None:
        """Initialise the branches; boxes start where their references are."""
        super(DINOHead, self).init_weights()
        classifier = self.cls_branches[0]
        classifier.reset_parameters()
        if self.prior_prob is not None:
            nn.init.constant_(classifier.bias, bias_init_with_prob(self.prior_prob))

    def predict_stages(self, hidden_states: Tensor, references: Tensor, class_states: Tensor) -> Predictions:
        """Predict before and after every decoder layer.

        Args:
            hidden_states (Tensor): Normed outputs of the layers, (L, bs, num_queries, dim).
            references (Tensor): Boxes before and after each layer, (L + 1, bs, num_queries, 4).
            class_states (Tensor): Features of class and mask, (L + 1, bs, num_queries, dim).

        Returns:
            Predictions: With a leading axis of L + 1 stages, in float32.
        """
        boxes = (self.reg_branches[0](hidden_states).float() + inverse_sigmoid(references[:-1])).sigmoid()
        return Predictions(
            self.cls_branches[0](class_states).float(),
            torch.cat([references[:1], boxes]),
            self.mask_branch(class_states).float(),
        )

    def forward(
        self, hidden_states: Tensor, references: Tensor, class_states: Tensor, mask_features: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Predict classes and boxes of all stages, masks of the last.

        Args:
            hidden_states (Tensor): (L, bs, num_queries, dim).
            references (Tensor): (L + 1, bs, num_queries, 4).
            class_states (Tensor): (L + 1, bs, num_queries, dim).
            mask_features (Tensor): (bs, mask_dims, h, w).

        Returns:
            tuple[Tensor, Tensor, Tensor]: Logits (L + 1, bs, num_queries, num_classes), normalised boxes
            (L + 1, bs, num_queries, 4), and mask logits (bs, num_queries, h, w) of the last layer.
        """
        outputs = self.predict_stages(hidden_states, references, class_states)
        return outputs.cls_scores, outputs.bbox_preds, mask_logits(outputs.mask_embeds[-1], mask_features)

    def predict(
        self,
        hidden_states: Tensor,
        references: Tensor,
        class_states: Tensor,
        mask_features: Tensor,
        batch_data_samples: SampleList,
        rescale: bool = True,
    ) -> InstanceList:
        """Predict instances of every image.

        Args:
            hidden_states (Tensor): See :meth:`forward`.
            references (Tensor): See :meth:`forward`.
            class_states (Tensor): See :meth:`forward`.
            mask_features (Tensor): See :meth:`forward`.
            batch_data_samples (list[:obj:`DetDataSample`]): bs samples with the shapes of the images.
            rescale (bool): Whether boxes and masks have the original size of the image.

        Returns:
            list[:obj:`InstanceData`]: See :func:`instance_results`.
        """
        logits, boxes, masks = self(hidden_states[-1:], references[-2:], class_states[-2:], mask_features)
        limit = self.test_cfg.get('max_per_img', logits.size(2))
        return [
            instance_results(*rows, sample.metainfo, limit, rescale)
            for *rows, sample in zip(logits[-1], boxes[-1], masks, batch_data_samples, strict=True)
        ]

    def loss(
        self,
        hidden_states: Tensor,
        references: Tensor,
        class_states: Tensor,
        mask_features: Tensor,
        enc_outputs: Predictions,
        batch_data_samples: SampleList,
        dn_meta: dict[str, int],
    ) -> dict[str, Tensor]:
        """Compute all losses.

        Args:
            hidden_states (Tensor): See :meth:`forward`; denoising queries come first.
            references (Tensor): See :meth:`forward`.
            class_states (Tensor): See :meth:`forward`.
            mask_features (Tensor): See :meth:`forward`.
            enc_outputs (Predictions): Of the selected encoder tokens.
            batch_data_samples (list[:obj:`DetDataSample`]): Ground truth with masks.
            dn_meta (dict[str, int]): Number of denoising queries and of their groups.

        Returns:
            dict[str, Tensor]: ``loss_cls``, ``loss_bbox``, ``loss_iou``, ``loss_mask``, ``loss_dice`` of the
            last layer; with the prefix ``d{i}.`` of stage i before it (0: before any layer), ``enc_`` of
            the encoder tokens, ``dn_`` of the denoising queries. The names do not depend on the batch.
        """
        targets = [InstanceTargets.from_sample(sample, mask_features.device) for sample in batch_data_samples]
        num_objects = mask_features.new_tensor(sum(len(target.labels) for target in targets)).float()
        avg_factor = reduce_mean(num_objects).clamp(min=1).item()
        mask_features = mask_features.float()
        outputs = self.predict_stages(hidden_states, references, class_states)
        num_dn = dn_meta['num_denoising_queries']

        losses = {}
        stages = [Predictions(*rows) for rows in zip(*outputs, strict=True)]
        for index, stage in enumerate(stages):
            prefix = '' if index == len(stages) - 1 else f'd{index}.'
            matching = Predictions(*(rows[:, num_dn:] for rows in stage))
            matches = self._match(matching, mask_features, targets, batch_data_samples)
            losses.update(
                self.stage_losses(matching, mask_features, targets, matches, avg_factor, f'{prefix}loss')
            )
        matches = self._match(enc_outputs, mask_features, targets, batch_data_samples)
        losses.update(self.stage_losses(enc_outputs, mask_features, targets, matches, avg_factor, 'enc_loss'))

        matches = denoising_matches(targets, dn_meta)
        avg_factor *= max(dn_meta['num_denoising_groups'], 1)
        for index, stage in enumerate(stages):
            prefix = '' if index == len(stages) - 1 else f'd{index}.'
            denoising = Predictions(*(rows[:, :num_dn] for rows in stage))
            losses.update(
                self.stage_losses(denoising, mask_features, targets, matches, avg_factor, f'{prefix}dn_loss')
            )
        return losses

    def _match(
        self,
        stage: Predictions,
        mask_features: Tensor,
        targets: Sequence[InstanceTargets],
        batch_data_samples: SampleList,
    ) -> list[Match]:
        return match_instances(
            self.assigner,
            stage,
            mask_features,
            targets,
            [sample.metainfo for sample in batch_data_samples],
            self.loss_points.num_points,
        )

    def stage_losses(
        self,
        stage: Predictions,
        mask_features: Tensor,
        targets: Sequence[InstanceTargets],
        matches: Sequence[Match],
        avg_factor: float,
        name: str,
    ) -> dict[str, Tensor]:
        """Losses of one stage with given matches.

        Unmatched queries are background, as far as the annotation tells (:func:`known_weights`).

        Args:
            stage (Predictions): Of one stage.
            mask_features (Tensor): (bs, mask_dims, h, w).
            targets (Sequence[InstanceTargets]): Objects of each image.
            matches (Sequence[tuple[Tensor, Tensor]]): See :func:`match_instances`.
            avg_factor (float): Divisor of all sums.
            name (str): Start of the names of the losses.

        Returns:
            dict[str, Tensor]: Weighted losses ``{name}_cls``, ``_bbox``, ``_iou``, ``_mask`` and ``_dice``.
        """
        labels = torch.full(stage.cls_scores.shape[:2], self.num_classes, device=mask_features.device)
        boxes, scales, truth, masks = [], [], [], []
        for index, (target, (query, chosen)) in enumerate(zip(targets, matches, strict=True)):
            labels[index, query] = target.labels[chosen]
            boxes.append(stage.bbox_preds[index, query])
            scales.append(target.scale.expand(len(query), 4))
            truth.append(target.boxes[chosen])
            masks.append(mask_logits(stage.mask_embeds[index, query], mask_features[index]))
        boxes, scales, truth = torch.cat(boxes), torch.cat(scales), torch.cat(truth)
        loss_mask, loss_dice = self.loss_points(
            masks,
            [target.masks[chosen] for target, (_, chosen) in zip(targets, matches, strict=True)],
            [target.extent for target in targets],
            avg_factor,
        )
        return {
            f'{name}_cls': self._class_loss(stage.cls_scores, labels, targets, avg_factor),
            f'{name}_bbox': self.loss_bbox(boxes, bbox_xyxy_to_cxcywh(truth / scales), avg_factor=avg_factor),
            f'{name}_iou': self.loss_iou(bbox_cxcywh_to_xyxy(boxes) * scales, truth, avg_factor=avg_factor),
            f'{name}_mask': loss_mask,
            f'{name}_dice': loss_dice,
        }

    def _class_loss(
        self, cls_scores: Tensor, labels: Tensor, targets: Sequence[InstanceTargets], avg_factor: float
    ) -> Tensor:
        if not labels.numel():
            return cls_scores.sum()
        weights = [
            known_weights(rows, self.num_classes, target.meta)
            for rows, target in zip(labels, targets, strict=True)
        ]
        return self.loss_cls(
            cls_scores.flatten(0, 1), labels.flatten(), torch.cat(weights), avg_factor=avg_factor
        )
