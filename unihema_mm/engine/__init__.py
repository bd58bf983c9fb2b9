"""Hooks, optimizers and launching of runs."""
