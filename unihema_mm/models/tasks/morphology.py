"""Morphological attributes of detected cells."""

from collections.abc import Mapping, Sequence

import torch
from mmdet.structures import SampleList
from mmdet.structures.bbox import bbox_cxcywh_to_xyxy
from mmengine.structures import InstanceData
from torch import Tensor

from unihema_mm.models.heads import CellAttributeHead
from unihema_mm.models.object_queries import ObjectQueries
from unihema_mm.models.tasks.base import Task, truth
from unihema_mm.registry import MODELS


@MODELS.register_module()
class MorphologyTask(Task):
    """Read the attributes of each cell off its object query, on every decoder layer.

    Objects are assigned to queries by class and box, as for detection, whose losses it leaves untouched.

    Args:
        schema (str | dict | list): See :class:`CellAttributeHead`.
        embed_dims (int): Width of the object queries.
        loss_attribute (dict, optional): See :class:`CellAttributeHead`.
        **kwargs: See :class:`Task`.
    """

    reads = ('objects',)

    def __init__(
        self,
        schema: str | Mapping[str, Sequence[str]] | Sequence,
        embed_dims: int = 256,
        loss_attribute: dict | None = None,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.head = CellAttributeHead(schema, embed_dims, loss_attribute)

    def loss(self, samples: SampleList, objects: ObjectQueries) -> dict[str, Tensor]:
        """Attribute losses of the matched queries of every layer; see :class:`Task`."""
        labels = [
            truth(sample, 'gt_instances.attributes', 'use a data set with attributes').to(
                objects.states.device
            )
            for sample in samples
        ]
        return self.head.loss(objects.states, objects.matches, labels)

    def predict(self, samples: SampleList, objects: ObjectQueries, rescale: bool = True) -> None:
        """Write ``pred_instances`` with attributes, and ``pred_queries`` of all queries; see :class:`Task`.

        ``attributes`` are the most probable values (n, A), ``attribute_scores`` their probabilities.
        """
        probabilities, best = self.head.predict(objects.states[-1])
        logits, boxes = (rows[-1] for rows in objects.predictions)
        detected = objects.detections(rescale)
        for place, (sample, detections) in enumerate(zip(samples, detected, strict=True)):
            chosen = detections.queries
            detections.attributes = best[place, chosen]
            detections.attribute_scores = torch.stack(
                [part[place, chosen].amax(dim=-1) for part in probabilities], dim=-1
            )
            sample.pred_instances = detections
            height, width = sample.ori_shape[:2] if rescale else sample.img_shape[:2]
            sample.pred_queries = InstanceData(
                logits=logits[place].clone(),  # a view would keep, and pickle, those of the whole batch
                bboxes=bbox_cxcywh_to_xyxy(boxes[place]) * boxes.new_tensor([width, height, width, height]),
                attributes=best[place].clone(),
            )

    def check_metainfo(self, metainfo: dict) -> None:
        """Check that the data set has the attributes of the schema; see :class:`Task`."""
        self.head.schema.check(metainfo.get('attributes'))
