"""Binary segmentation."""

from collections import defaultdict

import numpy as np
from mmengine.logging import MMLogger
from terminaltables import AsciiTable

from unihema_mm.registry import METRICS

from .sample_metric import SampleMetric

IGNORE = 255


@METRICS.register_module()
class BinaryMaskMetric(SampleMetric):
    """Dice and IoU of ``pred_sem_seg`` against ``gt_sem_seg``, hard masks at the original resolution.

    ``dice`` and ``iou`` are means over the images, the paper's protocol; ``pooled_dice`` and ``pooled_iou``
    count the pixels of all images together, so that large objects weigh more. All are in [0, 1]. Pixels of
    value 255 in the truth are ignored; an image that has no other pixel is not scored. Where truth and
    prediction are both empty, both values are 1; as this lifts the mean, the number of images with
    empty truth is logged.

    Args:
        by_text: Whether to report ``dice_<text>`` and ``iou_<text>`` for the images of each prompt too, and
            to log them as a table.
        **kwargs: Arguments of mmengine's ``BaseMetric``.

    Raises:
        InputError: Truth and prediction have different sizes, or a mask holds other values.
    """

    default_prefix = 'seg'
    main_metrics = ('dice', 'iou')
    truth = 'gt_sem_seg.sem_seg'

    def __init__(self, by_text: bool = False, **kwargs) -> None:
        super().__init__(**kwargs)
        self.by_text = by_text

    def summarise(self, sample: dict) -> tuple[tuple[int, int, int], str]:
        """Pixels of foreground in both, in the prediction alone and in the truth alone; and the prompt."""
        truth = _array(sample['gt_sem_seg']['sem_seg'])
        predicted = _array(self.required(sample, 'pred_sem_seg.sem_seg'))
        if truth.shape != predicted.shape:
            raise self.fault(
                sample,
                'pred_sem_seg',
                f'is {predicted.shape}, the truth {truth.shape}; give both at the original size of the image',
            )
        valid = truth != IGNORE
        for field, mask in (('gt_sem_seg', truth[valid]), ('pred_sem_seg', predicted)):
            if mask.size and not 0 <= mask.min() <= mask.max() <= 1:
                wrong = mask[(mask < 0) | (mask > 1)][0]
                raise self.fault(
                    sample, field, f'holds the value {wrong}; use 0 and 1 (truth: 255 to ignore)'
                )
        truth, predicted = truth[valid].astype(bool), predicted[valid].astype(bool)
        counts = (truth & predicted).sum(), (~truth & predicted).sum(), (truth & ~predicted).sum()
        text = sample.get('text', '') if self.by_text else ''
        return tuple(map(int, counts)) if valid.any() else (), text

    def score(self, summaries: list[tuple[tuple[int, ...], str]]) -> dict[str, float]:
        """Compute the metrics; see the class."""
        groups = defaultdict(list)
        for counts, text in summaries:
            if counts:
                groups[text].append(counts)
        logger = MMLogger.get_current_instance()
        images = [counts for group in groups.values() for counts in group]
        if len(images) < len(summaries):
            logger.warning(
                f'BinaryMaskMetric: {len(summaries) - len(images)} of {len(summaries)} masks are ignored '
                f'in every pixel (value {IGNORE}) and are not scored'
            )
        if not images:
            return {}
        empty = sum(both + missed == 0 for both, _, missed in images)
        logger.info(f'segmentation: {len(images)} images, {empty} of them without foreground')
        metrics = _means(images)
        metrics['pooled_dice'], metrics['pooled_iou'] = map(float, _dice_and_iou(np.sum([images], axis=1))[0])
        if self.by_text:
            rows = [['prompt', 'images', 'Dice', 'IoU']]
            for text, group in groups.items():
                values = _means(group)
                metrics.update({f'{name}_{text}': value for name, value in values.items()})
                rows.append([text, len(group), *(f'{value:.4f}' for value in values.values())])
            logger.info('segmentation by prompt\n' + AsciiTable(rows).table)
        return metrics


def _array(mask) -> np.ndarray:
    """Mask as (H, W), from a tensor or array (1, H, W) or (H, W)."""
    mask = mask.cpu().numpy() if hasattr(mask, 'cpu') else np.asarray(mask)
    return mask.reshape(mask.shape[-2:]).astype(int)


def _dice_and_iou(counts: np.ndarray) -> np.ndarray:
    """Dice and IoU (n, 2) from pixel counts (n, 3)."""
    both, extra, missed = np.asarray(counts, dtype=float).T
    either = both + extra + missed
    empty = either == 0
    dice = 2 * both / np.where(empty, 1, both + either)
    iou = both / np.where(empty, 1, either)
    return np.where(empty, 1.0, [dice, iou]).T


def _means(counts: list) -> dict[str, float]:
    dice, iou = _dice_and_iou(np.asarray(counts)).mean(axis=0)
    return {'dice': float(dice), 'iou': float(iou)}
