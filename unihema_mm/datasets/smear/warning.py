"""Warnings about data."""

import logging

from mmengine.logging import print_log


def warn(message: str) -> None:
    """Log a warning about the data."""
    print_log(message, logger='current', level=logging.WARNING)
