"""Datasets of unihema_mm.

Nothing is imported here: the registry finds the dataset classes, and the data
commands start without waiting for mmdet.
"""
