"""Losses."""

from .asymmetric_loss import AsymmetricLoss
from .point_mask_loss import PointMaskLoss, sample_uncertain_points

__all__ = ['AsymmetricLoss', 'PointMaskLoss', 'sample_uncertain_points']
