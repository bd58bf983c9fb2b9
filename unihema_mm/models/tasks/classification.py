"""Class and attributes of a single-cell image."""

from collections.abc import Mapping, Sequence

import torch
from mmdet.structures import SampleList
from torch import Tensor

from unihema_mm.models.heads import CellAttributeHead
from unihema_mm.models.tasks.base import Task, truth
from unihema_mm.registry import MODELS
from unihema_mm.utils.errors import InputError


@MODELS.register_module()
class CellClassificationTask(Task):
    """Classify single-cell images by their SCFE feature, without text and without the image decoder.

    Args:
        num_classes (int): Number of classes. Defaults to 45 (paper).
        embed_dims (int): Width of encoder tokens and feature.
        feature (dict, optional): Config of :class:`SingleCellFeatureExtraction`; with ``backbone_dims`` it
            reads the backbone tokens too.
        head (dict, optional): Config of :class:`CellClassHead`.
        attributes (str | dict | list, optional): Schema of attributes to predict from the same feature, see
            :class:`CellAttributeHead`. Defaults to none.
        loss_attribute (dict, optional): See :class:`CellAttributeHead`.
        **kwargs: See :class:`Task`.
    """

    def __init__(
        self,
        num_classes: int = 45,
        embed_dims: int = 256,
        feature: dict | None = None,
        head: dict | None = None,
        attributes: str | Mapping[str, Sequence[str]] | Sequence | None = None,
        loss_attribute: dict | None = None,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.num_classes = num_classes
        self.feature = MODELS.build(
            {'type': 'SingleCellFeatureExtraction', 'embed_dims': embed_dims, **(feature or {})}
        )
        self.head = MODELS.build(
            {'type': 'CellClassHead', 'embed_dims': embed_dims, 'num_classes': num_classes, **(head or {})}
        )
        self.attribute_head = None
        if attributes is not None:
            self.attribute_head = CellAttributeHead(attributes, embed_dims, loss_attribute)
        self.reads = ('memory',) if self.feature.backbone_dims is None else ('memory', 'tokens')

    def loss(self, samples: SampleList, **features) -> dict[str, Tensor]:
        """``loss_cls``, and ``loss_attribute`` with a schema; see :class:`Task`."""
        vectors = self.vectors(**features)
        labels = [truth(sample, 'gt_label', 'use a data set of single cells') for sample in samples]
        losses = dict(
            loss_cls=self.head.loss(vectors, torch.cat(labels).to(vectors.device), self._annotated(samples))
        )
        if self.attribute_head is not None:
            values = [
                truth(sample, 'gt_attributes', 'use a data set of single cells with attributes')
                for sample in samples
            ]
            only = torch.zeros(1, dtype=torch.long, device=vectors.device)
            losses.update(
                self.attribute_head.loss(
                    vectors[None, :, None],
                    [[(only, only)] * len(samples)],
                    [row[None].to(vectors.device) for row in values],
                )
            )
        return losses

    def predict(self, samples: SampleList, rescale: bool = True, **features) -> None:
        """Write ``pred_label``, ``pred_scores``, ``pred_feature``, ``pred_attributes``; see :class:`Task`."""
        vectors = self.vectors(**features)
        probabilities = self.head.predict(vectors, self._annotated(samples))
        for sample, vector, scores in zip(samples, vectors, probabilities, strict=True):
            sample.pred_scores = scores
            sample.pred_label = scores.argmax(dim=-1, keepdim=True)
            sample.pred_feature = vector
        if self.attribute_head is not None:
            for sample, values in zip(samples, self.attribute_head.predict(vectors)[1], strict=True):
                sample.pred_attributes = values

    def check_metainfo(self, metainfo: dict) -> None:
        """Check the number of classes and the attributes; see :class:`Task`."""
        classes = metainfo.get('classes')
        if classes is not None and len(classes) != self.num_classes:
            raise InputError(
                f'{len(classes)} classes, but the classification task has {self.num_classes}; '
                f'set num_classes={len(classes)}, or give the dataset the classes of the model'
            )
        if self.attribute_head is not None:
            self.attribute_head.schema.check(metainfo.get('attributes'))

    def vectors(self, memory: tuple, tokens: tuple | None = None) -> Tensor:
        """Compute E_Z, the feature from which class and attributes are read.

        Args:
            memory (Tokens): ``memory`` of :class:`SmearFeatures`.
            tokens (Tokens, optional): ``tokens`` of it, where :attr:`reads` names them.

        Returns:
            Tensor: (bs, embed_dims).
        """
        if tokens is None:
            return self.feature(memory.values, memory.padding)
        return self.feature(memory.values, memory.padding, tokens.values, tokens.padding)

    def _annotated(self, samples: SampleList) -> Tensor | None:
        """Classes that the data set of each image annotates, (bs, num_classes); None where all do."""
        known = [sample.metainfo.get('annotated') for sample in samples]
        if not any(known):
            return None
        device = next(self.head.parameters()).device
        mask = torch.zeros(len(samples), self.num_classes, dtype=torch.bool, device=device)
        for row, labels in zip(mask, known, strict=True):
            row[list(labels) if labels else slice(None)] = True
        return mask
