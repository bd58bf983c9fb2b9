"""Datasets of smear images in the annotation schema, one class per kind of annotation."""

from .det_dataset import SmearDetDataset, max_objects_per_image

__all__ = ['SmearDetDataset', 'max_objects_per_image']
