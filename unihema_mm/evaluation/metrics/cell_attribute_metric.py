"""Attributes of single-cell images."""

import numpy as np
from mmengine.logging import MMLogger

from unihema_mm.registry import METRICS

from .attribute_scores import attribute_table, mean_over_attributes, score_attributes
from .sample_metric import SampleMetric


@METRICS.register_module()
class CellAttributeMetric(SampleMetric):
    """Macro F1 and accuracy of ``pred_attributes`` against ``gt_attributes``, per attribute.

    F1 is the mean over the values that occur among the truth or the predictions, for attributes of two values
    too, as in WBCAtt's evaluation. Attributes that are not annotated (-1) are ignored image by image. All
    numbers are in [0, 1]; names and values come from ``dataset_meta['attributes']``.

    Metrics: per attribute ``<attribute>_macro_f1`` and ``<attribute>_accuracy``; ``macro_f1`` and
    ``accuracy`` are the means over the attributes. An attribute without any annotated image has no metrics.

    Args:
        **kwargs: Arguments of mmengine's ``BaseMetric``.

    Raises:
        InputError: Labels do not fit the attributes.
    """

    default_prefix = 'cell_attributes'
    main_metrics = ('macro_f1', 'accuracy')
    truth = 'gt_attributes'

    def summarise(self, sample: dict) -> tuple[list[int], list[int]]:
        """True and predicted labels, A each."""
        predicted = self.required(sample, 'pred_attributes')
        if len(predicted) != len(sample['gt_attributes']):
            raise self.fault(
                sample,
                'pred_attributes',
                f'has {len(predicted)} attributes, the truth {len(sample["gt_attributes"])}; '
                'give model and data set the same attributes',
            )
        return sample['gt_attributes'].tolist(), predicted.tolist()

    def score(self, summaries: list[tuple[list[int], list[int]]]) -> dict[str, float]:
        """Compute the metrics; see the class."""
        truth, predicted = np.asarray(summaries).swapaxes(0, 1)
        scores = score_attributes(truth, predicted, self.dataset_meta['attributes'])
        MMLogger.get_current_instance().info(
            f'attributes of {len(truth)} single-cell images\n' + attribute_table(scores)
        )
        metrics = {}
        for field in ('macro_f1', 'accuracy'):
            metrics[field] = mean_over_attributes(scores, field)
            metrics.update({f'{name}_{field}': getattr(score, field) for name, score in scores.items()})
        return {name: value for name, value in metrics.items() if value is not None}
