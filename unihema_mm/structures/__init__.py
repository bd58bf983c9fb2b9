"""Data structures shared by data sets and models; importing this package imports nothing else."""
