"""Metrics of unihema_mm."""

from .smear_coco_metric import SmearCocoMetric

__all__ = ['SmearCocoMetric']
