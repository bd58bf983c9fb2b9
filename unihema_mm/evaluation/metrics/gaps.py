"""What a completed sentence puts into the gaps of a masked one."""

import re

_GAPS = re.compile(r'<extra_id_\d+>(?:\s*<extra_id_\d+>)*')


def has_gaps(masked: str) -> bool:
    """Whether a sentence has a gap such as ``<extra_id_0>``."""
    return _GAPS.search(masked) is not None


def gap_fillers(masked: str, completed: str) -> list[str] | None:
    """Align a completed sentence with its masked form.

    Gaps side by side count as one, because nothing tells where the first ends. Where several alignments fit,
    each gap takes as few characters as the ones after it allow, so equal sentences always give equal fillers.

    Args:
        masked: Sentence with gaps, e.g. ``'show <extra_id_0> chromatin and <extra_id_0>'``.
        completed: Sentence without, e.g. ``'show open chromatin and round nuclei'``. Both must be normalised
            in the same way.

    Returns:
        Text of each gap, ``['open', 'round nuclei']``; None where the sentence does not fit the frame.
    """
    pieces = _GAPS.split(masked)
    if len(pieces) == 1:
        return [] if completed == masked else None
    first, *between, last = pieces
    # Plain search instead of a regular expression with lazy groups, which takes exponential time on
    # sentences that repeat themselves, as poor predictions do.
    if not completed.startswith(first) or not completed.endswith(last):
        return None
    place, end, fillers = len(first), len(completed) - len(last), []
    for piece in between:
        found = completed.find(piece, place + 1, end)
        if found < 0:
            return None
        fillers.append(completed[place:found].strip())
        place = found + len(piece)
    fillers.append(completed[place : max(place, end)].strip())
    return fillers if all(fillers) else None
