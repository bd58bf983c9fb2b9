"""Targets, denoising queries and results of the heads."""

from .instance_matching import Predictions, match_instances, matching_instances
from .instance_postprocess import instance_results, masks_in_image
from .instance_targets import InstanceTargets, Match, denoising_matches, image_extent
from .known_classes import known_weights
from .mask_denoising import MaskDenoising

__all__ = [
    'InstanceTargets',
    'MaskDenoising',
    'Match',
    'Predictions',
    'denoising_matches',
    'image_extent',
    'instance_results',
    'known_weights',
    'masks_in_image',
    'match_instances',
    'matching_instances',
]
