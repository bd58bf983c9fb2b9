"""Loading of smear images."""

import mmcv
from mmcv.transforms import LoadImageFromFile
from mmengine import fileio

from unihema_mm.registry import TRANSFORMS

from ..image_files import UnreadableImageError, fault_of_image


@TRANSFORMS.register_module()
class LoadSmearImage(LoadImageFromFile):
    """Load a whole image, or say which file cannot be loaded and why.

    mmcv's ``LoadImageFromFile`` returns a truncated file as an image whose rest is grey. This transform
    raises :class:`UnreadableImageError` instead; what follows is the dataset's decision:
    :class:`SmearDetDataset` skips and counts the image in training and fails in test mode.

    Required keys: ``img_path``. Added keys: ``img`` of shape (h, w, 3), BGR, uint8 (float32 with
    ``to_float32``), ``img_shape`` and ``ori_shape``. The arguments are those of mmcv's transform.
    """

    def transform(self, results: dict) -> dict:
        """Load the image of one record.

        Args:
            results: Record with ``img_path``.

        Returns:
            The record with the image.

        Raises:
            UnreadableImageError: The file is absent, truncated, or not an image.
        """
        path = results['img_path']
        try:
            content = fileio.get(path, backend_args=self.backend_args)
        except OSError as fault:
            raise UnreadableImageError(path, f'cannot be read ({fault.strerror})') from None
        reason = fault_of_image(content)
        if reason:
            raise UnreadableImageError(path, reason)
        image = mmcv.imfrombytes(content, flag=self.color_type, backend=self.imdecode_backend)
        if image is None:
            raise UnreadableImageError(path, 'cannot be decoded')
        results['img'] = image.astype('float32') if self.to_float32 else image
        results['img_shape'] = image.shape[:2]
        results['ori_shape'] = image.shape[:2]
        return results
