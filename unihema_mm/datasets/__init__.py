"""Datasets of unihema_mm."""

from .smear_det_dataset import SmearDetDataset, max_objects_per_image

__all__ = ['SmearDetDataset', 'max_objects_per_image']
