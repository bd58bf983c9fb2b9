"""Attributes of single cells as the tasks of mmpretrain's ``MultiTaskHead``."""

from collections.abc import Mapping, Sequence
from typing import Any

from mmcv.transforms import BaseTransform

from unihema_mm.evaluation.metrics import CellAttributeMetric
from unihema_mm.registry import METRICS, TRANSFORMS
from unihema_mm.structures.attributes import MISSING, AttributeSchema


@TRANSFORMS.register_module()
class AttributesAsTasks(BaseTransform):
    """Make the attributes of a cell the labels of several tasks, for mmpretrain's ``PackMultiTaskInputs``.

    Modified key: ``gt_label``, attribute name -> label of those that are annotated in ``gt_attributes``.

    Args:
        schema: Schema of attributes, see :meth:`AttributeSchema.build`.
    """

    def __init__(self, schema: str | Mapping[str, Sequence[str]]) -> None:
        self.names = tuple(AttributeSchema.build(schema).attributes)

    def transform(self, results: dict) -> dict:
        """Replace the label of one record."""
        labels = zip(self.names, results['gt_attributes'], strict=True)
        results['gt_label'] = {name: label for name, label in labels if label != MISSING}
        return results


@METRICS.register_module()
class TaskAttributeMetric(CellAttributeMetric):
    """:class:`CellAttributeMetric` of mmpretrain's ``MultiTaskDataSample``, one task per attribute."""

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep the labels of one batch."""
        names = list(self.dataset_meta['attributes'])
        for sample in data_samples:
            truth = [int(sample[name].get('gt_label', MISSING)) for name in names]
            predicted = [int(sample[name]['pred_label']) for name in names]
            self.results.append(((truth, predicted),))
