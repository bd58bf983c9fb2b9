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
DARKER = 0.55  # of each further round, so that lightness tells apart what hue no longer can


def colour_blind_palette(num_classes: int) -> list[tuple[int, int, int]]:
    """RGB colours, 0 to 255, that readers with any colour vision can tell apart.

    Args:
        num_classes (int): Colours wanted; after each seven the same hues follow, darker.

    Returns:
        list[tuple[int, int, int]]: One colour per class.
    """
    return [
        tuple(
            round(channel * DARKER ** (label // len(OKABE_ITO)))
            for channel in OKABE_ITO[label % len(OKABE_ITO)]
        )
        for label in range(num_classes)
    ]
