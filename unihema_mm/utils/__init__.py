"""Helpers without a better home; importing this package imports nothing else."""
