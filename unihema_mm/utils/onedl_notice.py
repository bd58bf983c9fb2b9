"""Keeps one harmless line of the onedl-* forks from the user's screen."""

import functools

import mmengine.logging

NOTICE = 'Could not import OneDL'


def silence_onedl_notice() -> None:
    """Drop the forks' line about their optional OneDL datasets.

    They print it at import, at level DEBUG but through ``print_log`` without a logger, which ignores levels.
    They fetch ``print_log`` from ``mmengine.logging`` at that moment, so a wrapper there catches just
    this line.
    """
    original = mmengine.logging.print_log
    if getattr(original, 'drops_onedl_notice', False):
        return

    @functools.wraps(original)
    def print_log(msg, *args, **kwargs):
        if not str(msg).startswith(NOTICE):
            original(msg, *args, **kwargs)

    print_log.drops_onedl_notice = True
    mmengine.logging.print_log = print_log
