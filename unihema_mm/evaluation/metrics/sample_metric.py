"""Base of the metrics that compare fields of data samples."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger

from unihema_mm.utils.errors import InputError

_NOT_SCORED = ()


class SampleMetric(BaseMetric):
    """Metric of the samples that carry the truth it needs; other samples are passed over and counted.

    A data set may mix tasks, so a sample without the truth is no fault, but one without the prediction is.
    ``self.results`` holds one entry per sample, scored or not, because mmengine recognises the samples that
    fill up the last batch of several processes by the number of entries.
    """

    truth: str
    """Field of the data sample without which it is not scored, e.g. ``'gt_instances.attributes'``."""

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep the numbers of one batch.

        Args:
            data_batch: Not used.
            data_samples: Samples with truth and predictions, as dicts.

        Raises:
            InputError: A sample has the truth but not the prediction, or the two do not fit together.
        """
        for sample in data_samples:
            has_truth = lookup(sample, self.truth) is not None
            self.results.append((self.summarise(sample),) if has_truth else _NOT_SCORED)

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Compute the metrics of all samples; empty where no sample has the truth."""
        scored = [entry[0] for entry in results if entry]
        name = type(self).__name__
        logger = MMLogger.get_current_instance()
        if not scored:
            logger.warning(f'{name}: none of {len(results)} samples has {self.truth}; nothing is scored')
            return {}
        if len(scored) < len(results):
            logger.info(
                f'{name}: {len(results) - len(scored)} of {len(results)} samples have no {self.truth} '
                'and are not scored'
            )
        return self.score(scored)

    @abstractmethod
    def summarise(self, sample: dict) -> Any:
        """Reduce a sample to the small, picklable numbers or texts that :meth:`score` needs."""

    @abstractmethod
    def score(self, summaries: list) -> dict[str, float]:
        """Compute the metrics from one or more summaries."""

    def required(self, sample: dict, path: str) -> Any:
        """Value of a field.

        Args:
            sample: A data sample.
            path: Key, or keys joined by dots.

        Raises:
            InputError: There is none.
        """
        value = lookup(sample, path)
        if value is None:
            raise self.fault(sample, path, 'is missing; predict it, or leave this metric out')
        return value

    def fault(self, sample: dict, path: str, what: str) -> InputError:
        """Error on a field of a sample."""
        where = sample.get('img_path') or sample.get('img_id', 'sample')
        return InputError(f'{type(self).__name__}: {where}: {path} {what}')


def lookup(sample: dict, path: str) -> Any:
    """Value of a field, with keys joined by dots; None where there is none."""
    value: Any = sample
    for key in path.split('.'):
        value = value.get(key) if value is not None else None
    return value
