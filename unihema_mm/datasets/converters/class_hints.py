"""What a class name that an entry does not map may mean, for messages."""

from collections.abc import Sequence

from unihema_mm.utils.names import nearest_names

from ..taxonomy import load_taxonomy


def unknown_class(name: str, known: Sequence[str]) -> str:
    """Tell that a class is not known, with the nearest names of the entry and of the taxonomy.

    Args:
        name: Class name of the source.
        known: Class names of the source that the entry maps.

    Returns:
        E.g. ``"'Platelet' is not a known class (nearest: Platelets; in the taxonomy: platelet)"``.
    """
    classes = load_taxonomy().nearest(name)
    taxonomy = f'; in the taxonomy: {", ".join(classes)}' if classes else ''
    return f'{name!r} is not a known class ({nearest_names(name, known)}{taxonomy})'
