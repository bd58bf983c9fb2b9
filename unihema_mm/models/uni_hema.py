"""Uni-Hema: mmdet's DINO with a text branch, and the tasks that share its features."""

from collections.abc import Mapping, Sequence

import torch
from mmdet.models import DINO
from mmdet.structures import OptSampleList, SampleList
from torch import Tensor

from unihema_mm.models.features import SmearFeatures
from unihema_mm.models.layers import (
    accept_narrow_box_encoding,
    keep_deform_attn_in_float32,
    select_proposals,
)
from unihema_mm.models.routing import TaskGroup, group_by_tasks
from unihema_mm.models.tasks import TaskDict
from unihema_mm.models.text import TextFeatures
from unihema_mm.registry import MODELS
from unihema_mm.utils.deform_attn_kernel import use_torch_without_cuda_kernel
from unihema_mm.utils.errors import InputError
from unihema_mm.utils.freezing import freeze, freeze_all_but, frozen_modules

CONTENT_QUERIES = ('learned', 'encoder')
FUSION_READS = ('tokens', 'memory')
# Settings that both halves of T5 have in common.
DECODER_SHARES = ('model', 'tokenizer', 'dtype')


@MODELS.register_module()
class UniHema(DINO):
    """Uni-Hema (arXiv 2511.13889): one model for all tasks on blood smears.

    Backbone, neck, encoder, decoder and box head keep the names and the
    behaviour of :class:`mmdet.models.DINO`, so a COCO checkpoint of mmdet loads
    as it is. A text encoder reads the prompt of each image
    (``metainfo['text']``), and TGVR lets it refine the content queries between
    query selection and decoder. TGVR starts as the identity, where the detector
    equals DINO.

    What the model does with its features is the tasks' business. A batch may mix
    tasks: samples are grouped by ``metainfo['tasks']``, and each group runs only
    the networks that its tasks read, once.

    Unlike DINO, padding is not selected as a query by default, and an image with
    fewer encoder tokens than queries is accepted.

    Args:
        text_encoder (dict): Config of the text encoder, e.g. ``T5TextEncoder``.
        text_refiner (dict): Config of TGVR. ``embed_dims`` and ``text_dims``
            are taken from the encoders.
        tasks (dict): Task key -> config of a :class:`Task`; ``embed_dims`` is
            taken from the encoder. Samples that name no task have the first.
        text_fusion (dict, optional): Config of CMF, with dimensions as for TGVR.
            Needed, with ``text_decoder``, by tasks that write text.
        text_decoder (dict, optional): Config of the text decoder, e.g.
            ``T5TextDecoder``; what it does not set is taken from
            ``text_encoder``.
        fusion_reads (str): Image tokens that CMF reads: 'tokens' (E_B, before the image encoder, as in the
            paper and in the released code) or 'memory' (E_E, its output), from which a model that is trained
            from scratch learns to answer in fewer steps.
        shallow_maps (int): Number of first backbone maps that bypass the neck.
        content_query (str): Content of the object queries: 'learned' (a table,
            as in DINO and in the released code) or 'encoder' (the selected
            encoder tokens, as in the paper's equation of TGVR).
        select_padding (bool): Whether padding may become a query, with a box of the whole image, as in DINO
            and in the released code.
        predict_by_size (bool): Whether images of different sizes in a batch are predicted apart. The group
            norm of the neck counts padding, so else, as in DINO, predictions depend a little on what else is
            in the batch. Defaults to False.
        frozen (Sequence[str]): Dotted names of modules that are not trained.
        trained (Sequence[str], optional): Dotted names of modules and parameters that are trained, as far as
            ``frozen`` does not hold them; all others are not. Defaults to all.
        default_text (str): Prompt of images that carry none.
        **kwargs: See :class:`mmdet.models.DINO`.

    Raises:
        InputError: If ``content_query``, ``fusion_reads`` or a name in ``frozen``
            or ``trained`` is unknown, or ``tasks`` is empty.
    """

    def __init__(
        self,
        *args,
        text_encoder: dict,
        text_refiner: dict,
        tasks: Mapping[str, dict],
        text_fusion: dict | None = None,
        text_decoder: dict | None = None,
        fusion_reads: str = 'tokens',
        shallow_maps: int = 0,
        content_query: str = 'learned',
        select_padding: bool = False,
        predict_by_size: bool = False,
        frozen: Sequence[str] = (),
        trained: Sequence[str] | None = None,
        default_text: str = 'This image is for the detection of complete blood count cells',
        **kwargs,
    ) -> None:
        super().__init__(*args, **kwargs)
        if content_query not in CONTENT_QUERIES:
            raise InputError(f'content_query must be one of {CONTENT_QUERIES}, got {content_query!r}')
        if fusion_reads not in FUSION_READS:
            raise InputError(f'fusion_reads must be one of {FUSION_READS}, got {fusion_reads!r}')
        if not tasks:
            raise InputError('model.tasks is empty; give at least one, e.g. det=dict(type="DetectionTask")')
        self.fusion_reads = fusion_reads
        self.shallow_maps = shallow_maps
        self.content_query = content_query
        self.select_padding = select_padding
        self.predict_by_size = predict_by_size
        self.default_text = default_text
        # What is added to DINO draws from a copy of the random stream: with the same seed, all
        # other weights start as those of a plain DINO.
        with torch.random.fork_rng():
            self.text_encoder = MODELS.build(text_encoder)
            dims = dict(embed_dims=self.embed_dims, text_dims=self.text_encoder.dims)
            self.text_refiner = MODELS.build({**text_refiner, **dims})
            self.text_fusion = self.text_decoder = None
            if text_fusion is not None:
                self.text_fusion = MODELS.build({**text_fusion, **dims, 'image_dims': self.embed_dims})
            if text_decoder is not None:
                shared = {key: text_encoder[key] for key in DECODER_SHARES if key in text_encoder}
                self.text_decoder = MODELS.build({**shared, **text_decoder})
            self.tasks = TaskDict(
                {key: MODELS.build({'embed_dims': self.embed_dims, **task}) for key, task in tasks.items()}
            )
        if content_query == 'encoder':
            # Kept for its place in DINO's checkpoints; a parameter without
            # gradient would stop distributed training.
            self.query_embedding.requires_grad_(False)
        accept_narrow_box_encoding(self)
        keep_deform_attn_in_float32(self)
        use_torch_without_cuda_kernel()
        self._frozen, self._trained = frozen, trained
        self._freeze()

    def train(self, mode: bool = True) -> 'UniHema':
        """Set training mode; frozen modules stay in evaluation mode."""
        super().train(mode)
        self._freeze()
        return self

    def _freeze(self) -> None:
        freeze(frozen_modules(self, self._frozen))
        if self._trained is not None:
            freeze_all_but(self, self._trained)

    def loss(self, batch_inputs: Tensor, batch_data_samples: SampleList) -> dict[str, Tensor]:
        """Compute the losses of all tasks in a batch.

        Args:
            batch_inputs (Tensor): Images, (bs, 3, H, W).
            batch_data_samples (list[:obj:`DetDataSample`]): bs samples with ground truth;
                ``metainfo['tasks']`` names the tasks of each.

        Returns:
            dict[str, Tensor]: ``<task>.<loss>``, weighted. A task in several groups has the mean over its
            images.
        """
        groups = self._groups(batch_inputs, batch_data_samples)
        losses: dict[str, Tensor] = {}
        for group in groups:
            features = self._features(group)
            for key in group.tasks:
                task = self.tasks[key]
                images = sum(len(other.samples) for other in groups if key in other.tasks)
                weight = task.loss_weight * len(group.samples) / images
                for name, value in task.loss(group.samples, **features.read(task.reads)).items():
                    name = f'{key}.{name}'
                    losses[name] = losses.get(name, 0) + weight * value
        return losses

    def predict(
        self, batch_inputs: Tensor, batch_data_samples: SampleList, rescale: bool = True
    ) -> SampleList:
        """Predict what the tasks of each sample ask for.

        Args:
            batch_inputs (Tensor): Images, (bs, 3, H, W).
            batch_data_samples (list[:obj:`DetDataSample`]): bs samples.
            rescale (bool): Whether results are in original pixels, else in those of the input.

        Returns:
            list[:obj:`DetDataSample`]: The samples with the predictions of their tasks.
        """
        for group in self._groups(batch_inputs, batch_data_samples, by_size=self.predict_by_size):
            features = self._features(group)
            for key in group.tasks:
                task = self.tasks[key]
                task.predict(group.samples, rescale=rescale, **features.read(task.reads))
        return batch_data_samples

    def _groups(
        self, batch_inputs: Tensor, batch_data_samples: SampleList, by_size: bool = False
    ) -> list[TaskGroup]:
        default = (next(iter(self.tasks)),)
        groups = group_by_tasks(batch_inputs, batch_data_samples, default, by_size)
        for group in groups:
            for key in group.tasks:
                if key not in self.tasks:
                    where = group.samples[0].metainfo.get('img_path', 'data sample')
                    raise InputError(
                        f'{where}: tasks: {key!r} is no task of this model, which has '
                        f'{", ".join(self.tasks)}; add it to model.tasks or change the tasks of the dataset'
                    )
        return groups

    def _features(self, group: TaskGroup) -> SmearFeatures:
        denoising = any(self.tasks[key].denoising for key in group.tasks)
        return SmearFeatures(self, group.inputs, group.samples, denoising)

    def extract_feat(self, batch_inputs: Tensor) -> tuple[Tensor, ...]:
        """Maps of the neck, (bs, dim, h_i, w_i), fine to coarse, of images (bs, 3, H, W)."""
        return self.project(self.backbone(batch_inputs))

    def project(self, maps: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Maps of the neck from all maps of the backbone."""
        return self.neck(tuple(maps)[self.shallow_maps :])

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
        denoising: bool = True,
    ) -> tuple[dict, dict]:
        """Select the queries, refine them by text, add denoising queries in training.

        Args:
            memory (Tensor): Encoder output, (bs, num_tokens, dim).
            memory_mask (Tensor, optional): Bool, (bs, num_tokens), True at padding.
            spatial_shapes (Tensor): (num_levels, 2) as (h, w).
            batch_data_samples (list[:obj:`DetDataSample`]): Ground truth and prompts.
            denoising (bool): Whether training adds denoising queries, made from the true boxes.

        Returns:
            tuple[dict, dict]: Inputs of the decoder and of the box head; see
            :meth:`mmdet.models.DINO.pre_decoder`.
        """
        tokens, anchors = self.gen_encoder_output_proposals(memory, memory_mask, spatial_shapes)
        logits = self.bbox_head.cls_branches[self.decoder.num_layers](tokens)
        excluded = None if self.select_padding else memory_mask
        selected = select_proposals(logits.max(dim=-1).values, excluded, self.num_queries)

        tokens, anchors, logits = (_gather(rows, selected) for rows in (tokens, anchors, logits))
        boxes_unact = self.bbox_head.reg_branches[self.decoder.num_layers](tokens) + anchors

        query = self._content_queries(tokens)
        text = self.encode_text(batch_data_samples)
        query = self.text_refiner(query, text.tokens, text.padding)
        reference = boxes_unact.detach()
        decoder_inputs = dict(memory=memory, dn_mask=None)
        head_inputs = {}
        if self.training:
            head_inputs = dict(
                enc_outputs_class=logits.float(),
                enc_outputs_coord=boxes_unact.float().sigmoid(),
                dn_meta=None,
            )
        if self.training and denoising:
            dn_query, dn_reference, dn_mask, dn_meta = self.dn_query_generator(batch_data_samples)
            query = torch.cat([dn_query, query], dim=1)
            reference = torch.cat([dn_reference, reference], dim=1)
            # The generator counts on num_queries matching queries, which come last.
            decoder_inputs['dn_mask'] = dn_mask[: query.size(1), : query.size(1)]
            head_inputs['dn_meta'] = dn_meta
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
