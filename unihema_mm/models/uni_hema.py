"""Uni-Hema: mmdet's DINO with a text branch."""

from collections.abc import Sequence

import torch
from mmdet.models import DINO
from mmdet.structures import OptSampleList, SampleList
from torch import Tensor

from unihema_mm.models.layers import (
    accept_narrow_box_encoding,
    keep_deform_attn_in_float32,
    select_proposals,
)
from unihema_mm.models.text import TextFeatures
from unihema_mm.registry import MODELS
from unihema_mm.utils.deform_attn_kernel import use_torch_without_cuda_kernel
from unihema_mm.utils.errors import InputError
from unihema_mm.utils.freezing import freeze, frozen_modules

CONTENT_QUERIES = ('learned', 'encoder')


@MODELS.register_module()
class UniHema(DINO):
    """Text-guided detector of Uni-Hema (arXiv 2511.13889).

    Backbone, neck, encoder, decoder and box head keep the names and the
    behaviour of :class:`mmdet.models.DINO`, so a COCO checkpoint of mmdet loads
    as it is. Two parts are added: a text encoder reads the prompt of each image
    (``metainfo['text']``), and TGVR lets it refine the content queries between
    query selection and decoder. TGVR starts as the identity, where the model
    equals DINO.

    Unlike DINO, padding is never selected as a query, and an image with fewer
    encoder tokens than queries is accepted.

    Args:
        text_encoder (dict): Config of the text encoder, e.g. ``T5TextEncoder``.
        text_refiner (dict): Config of TGVR. ``embed_dims`` and ``text_dims``
            are taken from the encoders.
        content_query (str): Content of the object queries: 'learned' (a table,
            as in DINO and in the released code) or 'encoder' (the selected
            encoder tokens, as in the paper's equation of TGVR).
        frozen (Sequence[str]): Dotted names of modules that are not trained.
        default_text (str): Prompt of images that carry none.
        **kwargs: See :class:`mmdet.models.DINO`.

    Raises:
        InputError: If ``content_query`` or a name in ``frozen`` is unknown.
    """

    def __init__(
        self,
        *args,
        text_encoder: dict,
        text_refiner: dict,
        content_query: str = 'learned',
        frozen: Sequence[str] = (),
        default_text: str = 'This image is for the detection of complete blood count cells',
        **kwargs,
    ) -> None:
        super().__init__(*args, **kwargs)
        if content_query not in CONTENT_QUERIES:
            raise InputError(f'content_query must be one of {CONTENT_QUERIES}, got {content_query!r}')
        self.content_query = content_query
        self.default_text = default_text
        # The text branch draws from a copy of the random stream: with the same seed, all
        # other weights start as those of a plain DINO.
        with torch.random.fork_rng():
            self.text_encoder = MODELS.build(text_encoder)
            self.text_refiner = MODELS.build(
                {**text_refiner, 'embed_dims': self.embed_dims, 'text_dims': self.text_encoder.dims}
            )
        if content_query == 'encoder':
            # Kept for its place in DINO's checkpoints; a parameter without
            # gradient would stop distributed training.
            self.query_embedding.requires_grad_(False)
        accept_narrow_box_encoding(self)
        keep_deform_attn_in_float32(self)
        use_torch_without_cuda_kernel()
        self._frozen = frozen
        freeze(frozen_modules(self, self._frozen))

    def train(self, mode: bool = True) -> 'UniHema':
        """Set training mode; frozen modules stay in evaluation mode."""
        super().train(mode)
        freeze(frozen_modules(self, self._frozen))
        return self

    def encode_text(self, batch_data_samples: SampleList) -> TextFeatures:
        """Encode the prompt of every image.

        Args:
            batch_data_samples (list[:obj:`DetDataSample`]): bs samples; the
                prompt is ``metainfo['text']``.

        Returns:
            TextFeatures: Tokens (bs, num_tokens, dims) and their padding mask.
        """
        return self.text_encoder(
            [sample.metainfo.get('text') or self.default_text for sample in batch_data_samples]
        )

    def pre_decoder(
        self,
        memory: Tensor,
        memory_mask: Tensor | None,
        spatial_shapes: Tensor,
        batch_data_samples: OptSampleList = None,
    ) -> tuple[dict, dict]:
        """Select the queries, refine them by text, add denoising queries in training.

        Args:
            memory (Tensor): Encoder output, (bs, num_tokens, dim).
            memory_mask (Tensor, optional): Bool, (bs, num_tokens), True at padding.
            spatial_shapes (Tensor): (num_levels, 2) as (h, w).
            batch_data_samples (list[:obj:`DetDataSample`]): Ground truth and prompts.

        Returns:
            tuple[dict, dict]: Inputs of the decoder and of the box head; see
            :meth:`mmdet.models.DINO.pre_decoder`.
        """
        tokens, anchors = self.gen_encoder_output_proposals(memory, memory_mask, spatial_shapes)
        logits = self.bbox_head.cls_branches[self.decoder.num_layers](tokens)
        selected = select_proposals(logits.max(dim=-1).values, memory_mask, self.num_queries)

        tokens, anchors, logits = (_gather(rows, selected) for rows in (tokens, anchors, logits))
        boxes_unact = self.bbox_head.reg_branches[self.decoder.num_layers](tokens) + anchors

        query = self._content_queries(tokens)
        text = self.encode_text(batch_data_samples)
        query = self.text_refiner(query, text.tokens, text.padding)
        reference = boxes_unact.detach()
        decoder_inputs = dict(memory=memory, dn_mask=None)
        head_inputs = {}
        if self.training:
            dn_query, dn_reference, dn_mask, dn_meta = self.dn_query_generator(batch_data_samples)
            query = torch.cat([dn_query, query], dim=1)
            reference = torch.cat([dn_reference, reference], dim=1)
            # The generator counts on num_queries matching queries, which come last.
            decoder_inputs['dn_mask'] = dn_mask[: query.size(1), : query.size(1)]
            head_inputs = dict(
                enc_outputs_class=logits.float(),
                enc_outputs_coord=boxes_unact.float().sigmoid(),
                dn_meta=dn_meta,
            )
        decoder_inputs.update(query=query, reference_points=reference.sigmoid())
        return decoder_inputs, head_inputs

    def _content_queries(self, tokens: Tensor) -> Tensor:
        """Content of the queries before text refinement, (bs, k, dim)."""
        if self.content_query == 'encoder':
            return tokens.detach()
        return self.query_embedding.weight[: tokens.size(1)].expand(len(tokens), -1, -1)


def _gather(rows: Tensor, index: Tensor) -> Tensor:
    """Pick rows (bs, n, dim) by index (bs, k)."""
    return rows.gather(1, index.unsqueeze(-1).expand(-1, -1, rows.size(-1)))
