"""Colours of classes."""

# Okabe and Ito, "Color Universal Design" (2008), without black; yellow, which is faint on smears, comes last.
OKABE_ITO = (
    (0, 114, 178),
    (213, 94, 0),
    (0, 158, 115),
    (204, 121, 167),
    (86, 180, 233),
    (230, 159, 0),
    (240, 228, 66),
)


def colour_blind_palette(num_classes: int) -> list[tuple[int, int, int]]:
    """RGB colours that readers with any colour vision can tell apart, 0 to 255; repeated after seven."""
    return [OKABE_ITO[label % len(OKABE_ITO)] for label in range(num_classes)]
