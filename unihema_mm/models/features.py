"""The features of a group of images, each computed when a task first asks for it."""

from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from mmdet.structures import SampleList
from torch import Tensor

from unihema_mm.models.object_queries import ObjectQueries
from unihema_mm.models.text import TextReader
from unihema_mm.utils.errors import InputError

if TYPE_CHECKING:
    from unihema_mm.models.uni_hema import UniHema


class Tokens(NamedTuple):
    """Pixels of all levels as one sequence, fine to coarse.

    Attributes:
        values (Tensor): (bs, num_tokens, dim).
        padding (Tensor, optional): Bool, (bs, num_tokens), True at padding; None where there is none.
        shapes (Tensor): Height and width of each level, (num_levels, 2).
    """

    values: Tensor
    padding: Tensor | None
    shapes: Tensor


class SmearFeatures:
    """What the tasks of one group of images share; nothing is computed twice or without need.

    A name of :attr:`NAMES` is both an attribute and what a task may list in ``reads``.

    Args:
        model (UniHema): Holds the networks.
        inputs (Tensor): Normalised images, (bs, 3, H, W), padded at the right and bottom.
        samples (list[:obj:`DetDataSample`]): bs samples; ``batch_input_shape`` is (H, W).
        denoising (bool): Whether the decoder gets denoising queries in training, which need boxes.
    """

    NAMES = ('inputs', 'backbone', 'levels', 'tokens', 'memory', 'objects', 'reader', 'text_reader')

    def __init__(
        self, model: 'UniHema', inputs: Tensor, samples: SampleList, denoising: bool = False
    ) -> None:
        self._model = model
        self._samples = samples
        self._denoising = denoising
        self.inputs = inputs

    def read(self, names: tuple[str, ...]) -> dict[str, Any]:
        """Compute features by name.

        Args:
            names (tuple[str, ...]): Names of :attr:`NAMES`.

        Returns:
            dict[str, Any]: The features.

        Raises:
            InputError: A name is unknown.
        """
        unknown = sorted(set(names) - set(self.NAMES))
        if unknown:
            raise InputError(f'no feature is named {unknown[0]}; a task may read {", ".join(self.NAMES)}')
        return {name: getattr(self, name) for name in names}

    @cached_property
    def backbone(self) -> tuple[Tensor, ...]:
        """Maps of the backbone, fine to coarse, the shallow ones (F_1) first."""
        return tuple(self._model.backbone(self.inputs))

    @cached_property
    def levels(self) -> tuple[Tensor, ...]:
        """Maps of the neck, (bs, dim, h_i, w_i), fine to coarse."""
        return self._model.project(self.backbone)

    @cached_property
    def _transformer_inputs(self) -> tuple[dict, dict]:
        return self._model.pre_transformer(self.levels, self._samples)

    @cached_property
    def tokens(self) -> Tokens:
        """E_B, the projected pixels before the image encoder."""
        encoder_inputs, _ = self._transformer_inputs
        return Tokens(encoder_inputs['feat'], encoder_inputs['feat_mask'], encoder_inputs['spatial_shapes'])

    @cached_property
    def memory(self) -> Tokens:
        """E_E, the output of the image encoder."""
        encoder_inputs, _ = self._transformer_inputs
        encoded = self._model.forward_encoder(**encoder_inputs)
        return Tokens(encoded['memory'], encoded['memory_mask'], encoded['spatial_shapes'])

    @cached_property
    def objects(self) -> ObjectQueries:
        """E_D, the object queries after the image decoder."""
        model = self._model
        decoder_inputs, head_inputs = model.pre_decoder(
            *self.memory, batch_data_samples=self._samples, denoising=self._denoising
        )
        decoded = model.forward_decoder(**decoder_inputs, **self._transformer_inputs[1])
        return ObjectQueries(head=model.bbox_head, samples=self._samples, **decoded, **head_inputs)

    @cached_property
    def reader(self) -> TextReader:
        """Reads texts in view of the images (text encoder and CMF) and writes answers (text decoder)."""
        model = self._model
        if model.text_fusion is None or model.text_decoder is None:
            raise InputError('this model writes no text; set model.text_fusion and model.text_decoder')
        image: Tokens = getattr(self, model.fusion_reads)
        return TextReader(
            model.text_encoder, model.text_decoder, model.text_fusion, image.values, image.padding
        )

    @property
    def text_reader(self) -> TextReader:
        """Reads texts alone and writes answers; no image is looked at."""
        model = self._model
        if model.text_decoder is None:
            raise InputError('this model writes no text; set model.text_decoder')
        return TextReader(model.text_encoder, model.text_decoder)
