"""Loading of smear images."""

import mmcv
import numpy as np
from mmcv.transforms import LoadImageFromFile
from mmengine import fileio

from unihema_mm.registry import TRANSFORMS
from unihema_mm.utils.errors import InputError

from .. import image_lmdb  # noqa: F401  (registers its storage backend)
from ..image_files import UnreadableImageError, fault_of_image


@TRANSFORMS.register_module()
class LoadSmearImage(LoadImageFromFile):
    """Load a whole image, or say which file cannot be loaded and why.

    mmcv's ``LoadImageFromFile`` returns a truncated file as an image whose rest is grey. This transform
    raises :class:`UnreadableImageError` instead; what follows is the dataset's decision:
    :class:`SmearDetDataset` skips and counts the image in training and fails in test mode. An image
    whose size is not that of its record is an error always: its boxes belong to other pixels.

    Required keys: ``img_path``. Optional keys: ``width``, ``height`` and ``img_id`` of the record;
    ``fill_colour`` (BGR), with which an image of that width and height is filled instead of being read;
    ``image_backend_args``, the storage backend where the transform has no ``backend_args``. Added keys:
    ``img`` of shape (h, w, 3), BGR, uint8 (float32 with ``to_float32``), ``img_shape`` and ``ori_shape``. The
    arguments are those of mmcv's transform.
    """

    def transform(self, results: dict) -> dict:
        """Load the image of one record.

        Args:
            results: Record with ``img_path``.

        Returns:
            The record with the image.

        Raises:
            UnreadableImageError: The file is absent, truncated, or not an image.
            InputError: The image has another size than its record says.
        """
        if 'fill_colour' in results:
            image = np.full((results['height'], results['width'], 3), results['fill_colour'], np.uint8)
        else:
            image = self._read(results)
        _check_size(results, image.shape[:2])
        results['img'] = image.astype('float32') if self.to_float32 else image
        results['img_shape'] = image.shape[:2]
        results['ori_shape'] = image.shape[:2]
        return results

    def _read(self, results: dict) -> np.ndarray:
        content = read_image_file(results['img_path'], results, self.backend_args)
        image = mmcv.imfrombytes(content, flag=self.color_type, backend=self.imdecode_backend)
        if image is None:
            raise UnreadableImageError(results['img_path'], 'cannot be decoded')
        return image


def read_image_file(path: str, results: dict, backend_args: dict | None) -> bytes:
    """Read a whole image file.

    Args:
        path: Path of the file.
        results: Record, whose ``image_backend_args`` hold where ``backend_args`` are absent.
        backend_args: Storage backend of :mod:`mmengine.fileio`.

    Returns:
        The bytes, not decoded.

    Raises:
        UnreadableImageError: The file is absent, truncated, or not an image.
    """
    try:
        content = fileio.get(path, backend_args=backend_args or results.get('image_backend_args'))
    except OSError as fault:
        raise UnreadableImageError(path, f'cannot be read ({fault.strerror})') from None
    reason = fault_of_image(content)
    if reason:
        raise UnreadableImageError(path, reason)
    return content


def _check_size(results: dict, shape: tuple[int, int]) -> None:
    height, width = shape
    told = results.get('width', width), results.get('height', height)
    if told != (width, height):
        raise InputError(
            f'{results["img_path"]}: image {results.get("img_id")}: width, height: its record says '
            f'{told[0]}x{told[1]}, the image file has {width}x{height}; '
            'correct the record, and check that its boxes fit'
        )
