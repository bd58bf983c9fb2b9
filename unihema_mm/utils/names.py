"""Hints on misspelt names, for messages."""

import difflib
from collections.abc import Sequence


def close_names(name: str, names: Sequence[str]) -> list[str]:
    """List up to three names that a misspelt name may mean, the nearest first; case does not matter."""
    by_lower = {known.lower(): known for known in names}
    return [by_lower[match] for match in difflib.get_close_matches(name.lower(), by_lower, n=3, cutoff=0.5)]


def nearest_names(name: str, names: Sequence[str]) -> str:
    """Name what a misspelt name may mean, or all known names where nothing is near."""
    near = close_names(name, names)
    return f'nearest: {", ".join(near)}' if near else f'known: {", ".join(names)}'
