"""Resizing of images of mixed sizes."""

from mmdet.datasets.transforms import Resize

from unihema_mm.registry import TRANSFORMS


@TRANSFORMS.register_module()
class ShrinkToFit(Resize):
    """Shrink an image that is larger than ``scale``; leave a smaller one as it is.

    So a set may hold fields of view and single cells: with ``scale=(320, 240)`` a field of 640x480 becomes
    320x240 and a cell of 128x128 stays. The aspect ratio is kept.

    Args:
        scale: Long and short side of the largest image, whichever of them is the width, in pixels.
        **kwargs: Further arguments of mmdet's ``Resize``.
    """

    def __init__(self, scale: tuple[int, int], **kwargs) -> None:
        super().__init__(scale=scale, keep_ratio=True, **kwargs)

    def transform(self, results: dict) -> dict:
        """Shrink one record with its boxes and masks, or note that its size is unchanged."""
        height, width = results['img'].shape[:2]
        if max(height, width) > max(self.scale) or min(height, width) > min(self.scale):
            return super().transform(results)
        results.update(
            scale=(width, height), scale_factor=(1.0, 1.0), img_shape=(height, width), keep_ratio=True
        )
        return results
