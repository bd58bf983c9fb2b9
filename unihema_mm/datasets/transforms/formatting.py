"""Packing of a record into a data sample."""

from collections.abc import Sequence

import numpy as np
import torch
from mmdet.datasets.transforms import PackDetInputs

from unihema_mm.registry import TRANSFORMS
from unihema_mm.utils.errors import InputError

META_KEYS = (
    'tasks',
    'dataset',
    'text',
    'img_id',
    'img_path',
    'ori_shape',
    'img_shape',
    'scale_factor',
    'flip',
    'flip_direction',
    'annotated',
    'partly_labelled',
    'questions',
    'answers',
    'answer_types',
    'masked',
    'completed',
)


@TRANSFORMS.register_module()
class PackSmearInputs(PackDetInputs):
    """Pack a record of any smear dataset.

    Beside what mmdet's ``PackDetInputs`` packs (``inputs``; ``gt_instances`` with boxes, labels and masks;
    ``gt_sem_seg``), the data sample gets, where the record has them:

    - ``gt_instances.attributes`` (int64, (n, A)), -1 not annotated; needs ``LoadCellAnnotations``;
    - ``gt_label`` (int64, (1,)): class of the image;
    - ``gt_attributes`` (int64, (A,)): attributes of the one cell on the image;
    - its metainfo: tasks, prompt, questions and so on.

    Args:
        meta_keys: Keys of the metainfo; those that a record lacks are left out.
    """

    def __init__(self, meta_keys: Sequence[str] = META_KEYS) -> None:
        super().__init__(meta_keys)

    def transform(self, results: dict) -> dict:
        """Pack one record.

        Args:
            results: Record at the end of a pipeline.

        Returns:
            ``inputs``, uint8 of shape (3, H, W), BGR, and ``data_samples``.

        Raises:
            InputError: A transform dropped boxes without their attributes.
        """
        packed = super().transform(results)
        sample = packed['data_samples']
        if 'instance_attributes' in results and 'gt_bboxes' in results:
            kept, ignored = self._attributes(results)
            sample.gt_instances.attributes = kept
            sample.ignored_instances.attributes = ignored
        if 'gt_label' in results:
            sample.gt_label = torch.tensor([results['gt_label']])
        if 'gt_attributes' in results:
            sample.gt_attributes = torch.tensor(results['gt_attributes'], dtype=torch.long)
        return packed

    def _attributes(self, results: dict) -> tuple[torch.Tensor, torch.Tensor]:
        ignored = results.get('gt_ignore_flags')
        ids = results.get('gt_instances_ids')
        if ids is None or ignored is None:
            raise InputError(
                'PackSmearInputs: the objects have attributes, but no numbers to find them by; '
                'load them by LoadCellAnnotations, or set attributes=None in the dataset'
            )
        if len(ids) != len(ignored):
            raise InputError(
                f'PackSmearInputs: {len(ignored)} boxes, but {len(ids)} object numbers: a transform drops '
                'boxes without gt_instances_ids; use mmdet.RandomCrop, or attributes=None in the dataset'
            )
        attributes = torch.from_numpy(np.asarray(results['instance_attributes'])[ids])
        ignored = torch.from_numpy(np.asarray(ignored, dtype=bool))
        return attributes[~ignored], attributes[ignored]
