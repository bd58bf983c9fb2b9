"""Loading of what is annotated on an image."""

from collections.abc import Sequence

import mmcv
import numpy as np
from mmcv.transforms import BaseTransform
from mmdet.datasets.transforms import FilterAnnotations, LoadAnnotations
from pycocotools import mask as coco_mask

from unihema_mm.registry import TRANSFORMS
from unihema_mm.structures.column_masks import decode_masks
from unihema_mm.utils.errors import InputError

from ..image_files import UnreadableImageError
from ..segmentations import fault_of_segmentation
from .loading import read_image_file

FOREGROUND_VALUE = 255
IGNORE_INDEX = 255


@TRANSFORMS.register_module()
class LoadCellAnnotations(LoadAnnotations):
    """Load boxes, labels and masks of the objects of a :class:`SmearDetDataset`, and number the objects.

    Added keys, beside those of mmdet's ``LoadAnnotations``, whose arguments it takes: ``gt_instances_ids``
    (int64, (n,)), the number of each object in ``instances``. mmdet's crops filter it as they filter boxes;
    by it :class:`PackSmearInputs` finds the attributes of the objects that are left.
    """

    def transform(self, results: dict) -> dict:
        """Load the annotations of one record."""
        results = super().transform(results)
        results['gt_instances_ids'] = np.arange(len(results.get('instances', ())))
        return results

    def _load_masks(self, results: dict) -> None:
        """Like mmdet's, all masks decoded at once."""
        if not self.poly2mask:
            super()._load_masks(results)
            return
        shape = results['ori_shape']
        where = f'{results.get("img_path")}: image {results.get("img_id")}'
        encoded = [_encoded(mask, shape, where) for mask in self._process_masks(results)]
        results['gt_masks'] = decode_masks(encoded, *shape)


@TRANSFORMS.register_module()
class FilterCellAnnotations(FilterAnnotations):
    """mmdet's ``FilterAnnotations``, whose arguments it takes, for objects of :class:`LoadCellAnnotations`.

    Filters ``gt_instances_ids`` with the objects, so that they keep their attributes. Belongs behind a crop
    with ``recompute_bbox``, which leaves a box without area where nothing of a mask is left.
    """

    def transform(self, results: dict) -> dict | None:
        """Filter the objects of one record."""
        ids, flags = results['gt_instances_ids'], results['gt_ignore_flags']
        # The base class filters the flags; numbers in their place tell which objects are left.
        filtered = super().transform({**results, 'gt_ignore_flags': np.arange(len(flags))})
        if filtered is None:
            return None
        left = filtered['gt_ignore_flags']
        return {**filtered, 'gt_ignore_flags': flags[left], 'gt_instances_ids': ids[left]}


@TRANSFORMS.register_module()
class LoadCellMask(BaseTransform):
    """Load the binary mask of a :class:`SmearMaskDataset` at the size of the original image.

    mmdet's transforms resize it by nearest neighbour, flip and crop it with its image, and pad it with 255,
    which is ignored. In a test pipeline it belongs behind the resizing, as the annotations of mmdet.

    Required keys: ``width``, ``height``, ``img_id``, and ``mask_path`` (an image file, 0 background, 255
    foreground) or ``segmentations`` (polygons or RLE of the objects, whose union is the foreground).
    Optional key: ``image_backend_args``, the storage backend where the transform has no ``backend_args``.
    Added keys: ``gt_seg_map`` (uint8, (h, w), 0 background, 1 foreground), ``ignore_index``.

    Args:
        backend_args: Storage backend of :mod:`mmengine.fileio`.
    """

    def __init__(self, backend_args: dict | None = None) -> None:
        self.backend_args = backend_args

    def transform(self, results: dict) -> dict:
        """Load the mask of one record.

        Args:
            results: Record.

        Returns:
            The record with the mask.

        Raises:
            UnreadableImageError: The mask file is absent, truncated, or not an image.
            InputError: The mask has another size than its image, or holds other values than 0 and 255.
        """
        shape = results['height'], results['width']
        if results.get('mask_path') is not None:
            mask = self._from_file(results, shape)
        else:
            where = f'{results["img_path"]}: image {results["img_id"]}'
            mask = union_of_segmentations(results['segmentations'], shape, where)
        results['gt_seg_map'] = mask
        results['ignore_index'] = IGNORE_INDEX
        return results

    def _from_file(self, results: dict, shape: tuple[int, int]) -> np.ndarray:
        path = results['mask_path']
        mask = mmcv.imfrombytes(read_image_file(path, results, self.backend_args), flag='grayscale')
        if mask is None:
            raise UnreadableImageError(path, 'cannot be decoded')
        where = f'{path}: mask of image {results["img_id"]}'
        if mask.shape != shape:
            raise InputError(
                f'{where}: size: is {mask.shape[1]}x{mask.shape[0]}, the image has {shape[1]}x{shape[0]}; '
                'make both of one size'
            )
        foreground = mask == FOREGROUND_VALUE
        odd = mask[~foreground & (mask != 0)]
        if odd.size:
            raise InputError(
                f'{where}: values: {odd.size} pixels are neither 0 nor {FOREGROUND_VALUE}, one is {odd[0]}; '
                f'write 0 for background and {FOREGROUND_VALUE} for foreground'
            )
        return foreground.astype(np.uint8)


def union_of_segmentations(
    segmentations: Sequence[list | dict], shape: tuple[int, int], where: str
) -> np.ndarray:
    """Rasterise the union of COCO masks.

    Args:
        segmentations: Polygons ``[[x1, y1, ...], ...]`` or RLE, compressed or not, one per object.
        shape: Height and width of the image.
        where: File and record, for messages.

    Returns:
        uint8 of shape (h, w), 0 or 1.

    Raises:
        InputError: An RLE is that of another image size.
    """
    encoded = [_encoded(segmentation, shape, where) for segmentation in segmentations]
    if not encoded:
        return np.zeros(shape, np.uint8)
    return np.ascontiguousarray(coco_mask.decode(coco_mask.merge(encoded)))


def _encoded(segmentation: list | dict, shape: tuple[int, int], where: str) -> dict:
    """Compressed RLE of one object."""
    if isinstance(segmentation, list):
        # mmdet makes arrays of the rings.
        segmentation = [np.asarray(ring).tolist() for ring in segmentation]
    fault = fault_of_segmentation(segmentation, *shape)
    if fault:
        raise InputError(f'{where}: segmentation: {fault}; correct the mask')
    if isinstance(segmentation, list):
        return coco_mask.merge(coco_mask.frPyObjects(segmentation, *shape))
    if isinstance(segmentation['counts'], list):
        return coco_mask.frPyObjects(segmentation, *shape)
    return segmentation
