"""Mask DINO: instance segmentation on mmdet's DINO."""

import torch
from mmcv.ops import MultiScaleDeformableAttention
from mmdet.models import DINO
from mmdet.models.layers import inverse_sigmoid
from mmdet.structures import OptSampleList
from mmengine.model import BaseModule
from torch import Tensor, nn

from unihema_mm.models.layers import (
    MaskDINODecoder,
    boxes_from_masks,
    keep_deform_attn_in_float32,
    mask_logits,
    select_proposals,
)
from unihema_mm.models.task_modules import MaskDenoising, Predictions, image_extent
from unihema_mm.registry import MODELS
from unihema_mm.utils.deform_attn_kernel import use_torch_without_cuda_kernel
from unihema_mm.utils.errors import InputError

INITIAL_BOXES = ('mask', 'mask_else_proposal', 'proposal')
LEVEL_ORDERS = ('fine_to_coarse', 'coarse_to_fine')


@MODELS.register_module()
class MaskDINO(DINO):
    """Mask DINO (arXiv 2206.02777) for instance segmentation.

    What differs from mmdet's DINO: the shallowest backbone map, which bypasses neck and encoder, and the
    finest encoder map make mask features of stride 4; the selected encoder tokens are the content of the
    queries, and their masks give the initial boxes; the decoder reads the levels in reverse order; denoising
    has positive queries only and masks.

    Padding is masked as in mmdet's DINO, and never selected as a query; the reference has no padding masks,
    results are equal where nothing is padded. Images with fewer encoder tokens than queries are accepted.

    Args:
        mask_features (dict): Config of :class:`MaskFeatures`; ``embed_dims`` is taken from the encoder.
        initial_boxes (str): Boxes the decoder starts from: 'mask' (around the masks of the selected tokens,
            as in the reference), 'proposal' (the boxes of the selected tokens, as in DINO), or
            'mask_else_proposal'. An empty mask has the box (0, 0, 0, 0), which hardly learns, for its
            coordinates are at the end of the sigmoid; the last option takes the token's box instead.
        level_order (str): Order of the levels in the encoder, 'fine_to_coarse' (as the neck gives them) or
            'coarse_to_fine'. The released models with four levels use the first order, those with three
            the second.
        dn_cfg (dict): Config of :class:`MaskDenoising`.
        **kwargs: See :class:`mmdet.models.DINO`. The backbone has one more output than the neck has inputs.

    Raises:
        ValueError: ``initial_boxes`` or ``level_order`` is unknown.
    """

    def __init__(
        self,
        *args,
        mask_features: dict,
        dn_cfg: dict,
        initial_boxes: str = 'mask',
        level_order: str = 'fine_to_coarse',
        **kwargs,
    ) -> None:
        if initial_boxes not in INITIAL_BOXES:
            raise InputError(f'initial_boxes must be one of {INITIAL_BOXES}, got {initial_boxes!r}')
        if level_order not in LEVEL_ORDERS:
            raise InputError(f'level_order must be one of {LEVEL_ORDERS}, got {level_order!r}')
        dn_cfg = dict(dn_cfg)  # DINO adds keys
        super().__init__(*args, dn_cfg=dn_cfg, **kwargs)
        self.initial_boxes = initial_boxes
        self.level_order = level_order
        self.dn_query_generator = MaskDenoising(**dn_cfg)
        self.mask_features = MODELS.build({**mask_features, 'embed_dims': self.embed_dims})
        keep_deform_attn_in_float32(self)
        use_torch_without_cuda_kernel()

    def _init_layers(self) -> None:
        decoder = self.decoder
        super()._init_layers()
        self.decoder = MaskDINODecoder(**decoder)
        del self.query_embedding  # the content comes from the encoder

    def init_weights(self) -> None:
        """Initialise as the reference does; DINO's own method expects a query table."""
        BaseModule.init_weights(self)
        for coder in (self.encoder, self.decoder):
            for param in coder.parameters():
                if param.dim() > 1:
                    nn.init.xavier_uniform_(param)
            for module in coder.modules():
                if isinstance(module, MultiScaleDeformableAttention):
                    module.init_weights()
        nn.init.normal_(self.level_embed)

    def extract_feat(self, batch_inputs: Tensor) -> tuple[Tensor, ...]:
        """Compute the shallow map and the levels of the encoder.

        Args:
            batch_inputs (Tensor): Images (bs, 3, H, W).

        Returns:
            tuple[Tensor, ...]: The first backbone map (bs, c, H / 4, W / 4), then the maps of the neck, fine
            to coarse.
        """
        shallow, *deeper = self.backbone(batch_inputs)
        return (shallow, *self.neck(deeper))

    def forward_transformer(
        self, img_feats: tuple[Tensor, ...], batch_data_samples: OptSampleList = None
    ) -> dict:
        """Run encoder, mask features, query selection and decoder.

        Args:
            img_feats (tuple[Tensor, ...]): See :meth:`extract_feat`.
            batch_data_samples (list[:obj:`DetDataSample`]): Shapes of the images, in training ground truth.

        Returns:
            dict: Inputs of :class:`MaskDINOHead`.
        """
        shallow, *levels = img_feats
        if self.level_order == 'coarse_to_fine':
            levels = levels[::-1]
        encoder_inputs, decoder_inputs = self.pre_transformer(levels, batch_data_samples)
        memory = self.forward_encoder(**encoder_inputs)['memory']
        sizes = [tuple(level.shape[-2:]) for level in levels]
        finest = 0 if self.level_order == 'fine_to_coarse' else -1
        tokens = memory.split([height * width for height, width in sizes], dim=1)[finest]
        finest_map = tokens.transpose(1, 2).unflatten(2, sizes[finest])
        mask_features = self.mask_features(shallow, finest_map)

        decoder_inputs = _reverse_levels(memory=memory, **decoder_inputs)
        selected, head_inputs = self.pre_decoder(
            decoder_inputs['memory'],
            decoder_inputs['memory_mask'],
            decoder_inputs['spatial_shapes'],
            batch_data_samples,
            mask_features=mask_features,
        )
        decoder_inputs.update(selected)
        decoded = self.forward_decoder(**decoder_inputs)
        states = torch.cat([selected['query'][None], decoded['hidden_states']])
        return dict(
            hidden_states=decoded['hidden_states'],
            references=torch.stack(decoded['references']),
            class_states=self.decoder.norm(states),
            mask_features=mask_features,
            **head_inputs,
        )

    def pre_decoder(
        self,
        memory: Tensor,
        memory_mask: Tensor | None,
        spatial_shapes: Tensor,
        batch_data_samples: OptSampleList = None,
        *,
        mask_features: Tensor,
    ) -> tuple[dict, dict]:
        """Select the queries and their initial boxes, add denoising queries in training.

        Args:
            memory (Tensor): Encoder tokens in decoder order, (bs, num_tokens, dim).
            memory_mask (Tensor, optional): Bool, (bs, num_tokens), True at padding.
            spatial_shapes (Tensor): (num_levels, 2) as (h, w), in decoder order.
            batch_data_samples (list[:obj:`DetDataSample`]): See :meth:`forward_transformer`.
            mask_features (Tensor): (bs, mask_dims, h, w).

        Returns:
            tuple[dict, dict]: Inputs of the decoder, and in training ``enc_outputs`` and ``dn_meta`` of the
            head.
        """
        tokens, anchors = self.gen_encoder_output_proposals(memory, memory_mask, spatial_shapes)
        scores = self.bbox_head.cls_branches[0](tokens).max(dim=-1).values
        chosen = select_proposals(scores, memory_mask, self.num_queries).unsqueeze(-1)
        tokens = tokens.gather(1, chosen.expand(-1, -1, tokens.size(-1)))
        anchors = anchors.gather(1, chosen.expand(-1, -1, 4))

        class_states = self.decoder.norm(tokens)
        enc_outputs = Predictions(
            self.bbox_head.cls_branches[0](class_states).float(),
            (self.bbox_head.reg_branches[0](tokens).float() + anchors).sigmoid(),
            self.bbox_head.mask_branch(class_states).float(),
        )
        query = tokens.detach()
        reference = inverse_sigmoid(self._initial_boxes(enc_outputs, mask_features, batch_data_samples))
        if not self.training:
            return dict(query=query, reference_points=reference.sigmoid(), dn_mask=None), {}
        dn_query, dn_reference, dn_mask, dn_meta = self.dn_query_generator(batch_data_samples, query.size(1))
        return dict(
            query=torch.cat([dn_query, query], dim=1),
            reference_points=torch.cat([dn_reference, reference], dim=1).sigmoid(),
            dn_mask=dn_mask,
        ), dict(enc_outputs=enc_outputs, dn_meta=dn_meta)

    @torch.no_grad()
    def _initial_boxes(
        self, enc_outputs: Predictions, mask_features: Tensor, batch_data_samples: OptSampleList
    ) -> Tensor:
        """Boxes that the decoder starts from, (bs, num_queries, 4) as normalised (cx, cy, w, h)."""
        if self.initial_boxes == 'proposal':
            return enc_outputs.bbox_preds
        extent = torch.stack([image_extent(sample, mask_features.device) for sample in batch_data_samples])
        boxes = boxes_from_masks(mask_logits(enc_outputs.mask_embeds, mask_features), extent)
        if self.initial_boxes == 'mask':
            return boxes
        return torch.where(boxes.any(dim=-1, keepdim=True), boxes, enc_outputs.bbox_preds)


def _reverse_levels(
    memory: Tensor,
    memory_mask: Tensor | None,
    spatial_shapes: Tensor,
    level_start_index: Tensor,
    valid_ratios: Tensor,
) -> dict:
    """Inputs of the decoder with the levels in reverse order, the tokens of a level in place."""
    sizes = spatial_shapes.prod(dim=1).tolist()

    def flipped(rows: Tensor) -> Tensor:
        return torch.cat(rows.split(sizes, dim=1)[::-1], dim=1)

    shapes = spatial_shapes.flip(0)
    ends = shapes.prod(dim=1).cumsum(0)
    return dict(
        memory=flipped(memory),
        memory_mask=None if memory_mask is None else flipped(memory_mask),
        spatial_shapes=shapes,
        level_start_index=torch.cat([level_start_index[:1], ends[:-1]]),
        valid_ratios=valid_ratios.flip(1),
    )
