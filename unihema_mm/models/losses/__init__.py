"""Losses."""

from .point_mask_loss import PointMaskLoss, sample_uncertain_points

__all__ = ['PointMaskLoss', 'sample_uncertain_points']
