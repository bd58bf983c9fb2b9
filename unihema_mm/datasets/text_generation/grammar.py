"""Small rules of English and of gaps that all generated text shares."""

from collections.abc import Collection, Mapping, Sequence

GAP = '<extra_id_0>'


def with_article(words: str) -> str:
    """Put the indefinite article before a noun: 'an eosinophil', 'a red blood cell'."""
    return f'{"an" if words[0].lower() in "aeiou" else "a"} {words}'


def enumerate_items(items: Sequence[str]) -> str:
    """Join items as in a sentence: 'a', 'a and b', 'a, b and c'."""
    return ' and '.join([', '.join(items[:-1]), items[-1]] if len(items) > 1 else items)


def fill_gaps(template: str, slots: Mapping[str, str], gaps: Collection[str]) -> dict:
    """Fill a template, once fully and once with gaps.

    Args:
        template: Text with slots in braces.
        slots: Slot -> words; it may hold more slots than the template.
        gaps: Slots that become gaps.

    Returns:
        Sentence record of the annotation schema, marked as generated.
    """
    masked = template.format_map({name: GAP if name in gaps else words for name, words in slots.items()})
    return dict(masked=masked, completed=template.format_map(slots), generated=True)
