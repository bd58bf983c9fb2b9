"""Object queries after the image decoder, and what the box head reads off them."""

from collections.abc import Sequence
from functools import cached_property

from mmdet.models import DINOHead
from mmdet.structures import SampleList
from mmdet.utils import InstanceList
from torch import Tensor

from unihema_mm.models.task_modules import Match


class ObjectQueries:
    """Output of the image decoder (E_D) for a group of images.

    Attributes:
        head (:obj:`DINOHead`): Box head; its branches are part of the decoder.
        hidden_states (Tensor): States after each of L layers, (L, bs, num_denoising + num_queries, dim);
            denoising queries come first, then the proposals, best first.
        references (list[Tensor]): L + 1 boxes, each (bs, ..., 4) as normalised (cx, cy, w, h).
        enc_outputs_class (Tensor, optional): Logits of the proposals, (bs, num_queries, num_classes), in
            training.
        enc_outputs_coord (Tensor, optional): Boxes of the proposals, (bs, num_queries, 4), in training.
        dn_meta (dict, optional): ``num_denoising_queries`` and ``num_denoising_groups``; else None.
    """

    def __init__(
        self,
        head: DINOHead,
        samples: SampleList,
        hidden_states: Tensor,
        references: Sequence[Tensor],
        enc_outputs_class: Tensor | None = None,
        enc_outputs_coord: Tensor | None = None,
        dn_meta: dict[str, int] | None = None,
    ) -> None:
        self.head = head
        self._samples = samples
        self.hidden_states = hidden_states
        self.references = references
        self.enc_outputs_class = enc_outputs_class
        self.enc_outputs_coord = enc_outputs_coord
        self.dn_meta = dn_meta
        self._detections: dict[bool, InstanceList] = {}

    @property
    def num_denoising(self) -> int:
        """Number of denoising queries."""
        return self.dn_meta['num_denoising_queries'] if self.dn_meta else 0

    @property
    def states(self) -> Tensor:
        """States without denoising queries, (L, bs, num_queries, dim)."""
        return self.hidden_states[:, :, self.num_denoising :]

    @cached_property
    def predictions(self) -> tuple[Tensor, Tensor]:
        """Logits (L, bs, ..., num_classes) and normalised boxes (L, bs, ..., 4) of all queries."""
        return self.head(self.hidden_states, self.references)

    @cached_property
    def matches(self) -> list[list[Match]]:
        """Per layer and image the queries, ascending, and the indices of the objects assigned to them.

        The assignment is that of the box loss. Denoising queries are not counted.
        """
        logits, boxes = (rows[:, :, self.num_denoising :] for rows in self.predictions)
        return [
            [
                self.head.match(*rows, sample.gt_instances, sample.metainfo)
                for *rows, sample in zip(layer_logits, layer_boxes, self._samples, strict=True)
            ]
            for layer_logits, layer_boxes in zip(logits, boxes, strict=True)
        ]

    def detections(self, rescale: bool = True) -> InstanceList:
        """Per image the best boxes; ``queries`` (n, ) is the index of the object query.

        Tasks that add something to the detections get the same objects.

        Args:
            rescale (bool): Whether boxes are in original pixels, else in those of the input.

        Returns:
            list[:obj:`InstanceData`]: See :meth:`CellBoxHead.predict_by_feat`.
        """
        if rescale not in self._detections:
            metas = [sample.metainfo for sample in self._samples]
            self._detections[rescale] = self.head.predict_by_feat(
                *self.predictions, batch_img_metas=metas, rescale=rescale
            )
        return self._detections[rescale]
