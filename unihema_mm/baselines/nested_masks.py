"""Nested mask targets, such as a white cell and its nucleus, as one map of classes for mmseg."""

from itertools import chain, pairwise

import numpy as np

from unihema_mm.datasets.smear import SmearMaskDataset
from unihema_mm.datasets.transforms import LoadCellMask
from unihema_mm.datasets.transforms.annotations import IGNORE_INDEX
from unihema_mm.evaluation.metrics import BinaryMaskMetric
from unihema_mm.registry import DATASETS, METRICS, TRANSFORMS
from unihema_mm.utils.errors import InputError


@DATASETS.register_module()
class NestedMaskDataset(SmearMaskDataset):
    """One sample per image, with all its mask targets.

    The record has ``targets``, the records that :class:`SmearMaskDataset` makes of the image, in file order,
    and ``texts``, their prompts. The pipeline needs :class:`LoadNestedMasks`.
    """

    def parse_data_info(self, raw_data_info: dict) -> dict:
        """Make the record of one image."""
        targets = super().parse_data_info(raw_data_info)
        return {**targets[0], 'targets': targets, 'texts': [target['text'] for target in targets]}


@TRANSFORMS.register_module()
class LoadNestedMasks(LoadCellMask):
    """Load the masks of a :class:`NestedMaskDataset` as one map.

    Added keys: ``gt_seg_map`` (uint8, (h, w)), the number of targets that a pixel belongs to, which is its
    class; ``ignore_index``.
    """

    def transform(self, results: dict) -> dict:
        """Load the masks of one record, the outermost first.

        Raises:
            InputError: A mask reaches outside the mask before it, or a mask file is wrong, see
                :class:`LoadCellMask`.
        """
        masks = [
            super(LoadNestedMasks, self).transform(dict(target))['gt_seg_map']
            for target in results['targets']
        ]
        for number, (outer, inner) in enumerate(pairwise(masks), start=1):
            outside = int((inner > outer).sum())
            if outside:
                raise InputError(
                    f'{results["img_path"]}: masks[{number}]: {outside} pixels are outside the mask before; '
                    'list the outer mask first, or correct the masks'
                )
        results['gt_seg_map'] = np.sum(masks, axis=0, dtype=np.uint8)
        results['ignore_index'] = IGNORE_INDEX
        return results


@METRICS.register_module()
class NestedMaskMetric(BinaryMaskMetric):
    """:class:`BinaryMaskMetric` of every target in the class maps of mmseg's samples.

    Samples need ``texts`` in their metainfo; ``gt_sem_seg.data`` and ``pred_sem_seg.data`` of shape (1, H, W)
    hold the number of targets that a pixel belongs to.
    """

    truth = 'gt_sem_seg.data'

    def summarise(self, sample: dict) -> list[tuple]:
        """Pixel counts and prompt of each target."""
        truth, predicted = (
            np.asarray(self.required(sample, path).cpu()) for path in (self.truth, 'pred_sem_seg.data')
        )
        summaries = []
        for level, text in enumerate(sample['texts'], start=1):
            inside = np.where(truth == IGNORE_INDEX, IGNORE_INDEX, truth >= level)
            binary = dict(gt_sem_seg=dict(sem_seg=inside), pred_sem_seg=dict(sem_seg=predicted >= level))
            summaries.append(super().summarise({**sample, **binary, 'text': text}))
        return summaries

    def score(self, summaries: list[list[tuple]]) -> dict[str, float]:
        """Compute the metrics; see :class:`BinaryMaskMetric`."""
        return super().score(list(chain.from_iterable(summaries)))
