"""Hints on misspelt names, for messages."""

import difflib
from collections.abc import Sequence


def nearest_names(name: str, names: Sequence[str]) -> str:
    """Name what a misspelt name may mean, or all known names where nothing is near."""
    by_lower = {known.lower(): known for known in names}
    near = difflib.get_close_matches(name.lower(), by_lower, n=3, cutoff=0.5)
    if near:
        return 'nearest: ' + ', '.join(by_lower[match] for match in near)
    return f'known: {", ".join(names)}'
