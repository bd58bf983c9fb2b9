"""Stages of a training curriculum: what a config declares, its data, and its starting weights."""

from .apply import apply_stage
from .declaration import Stage, Start, read_stage

__all__ = ['Stage', 'Start', 'apply_stage', 'read_stage']
