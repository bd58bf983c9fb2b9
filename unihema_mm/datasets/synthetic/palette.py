"""Stain colours, as optical densities.

Light that passes stained matter of optical density ``d`` is multiplied by ``exp(-d)`` (Beer-Lambert), so
densities of overlapping cells add, and both outlines of an overlap stay visible.
"""

from typing import NamedTuple

import numpy as np

# Colour (R, G, B) of each substance in full thickness on a white ground.
_SUBSTANCES = {
    'nucleus': (84, 48, 140),
    'light blue': (214, 216, 238),
    'blue': (146, 172, 226),
    'purple blue': (172, 152, 210),
    'pink': (214, 132, 178),
    'red': (224, 140, 118),
    'purple': (84, 42, 122),
    'platelet': (198, 158, 208),
    'platelet granule': (156, 100, 172),
    'parasite': (116, 130, 206),
    'chromatin': (168, 40, 112),
    'stippling': (226, 150, 190),
    'pigment': (132, 98, 52),
}

# Ground and red cells of four common stains, as they look in public sets.
_STAINS = {
    'May-Gruenwald-Giemsa': ((252, 235, 212), (206, 182, 188)),
    'Wright': ((212, 216, 207), (240, 184, 172)),
    'Giemsa': ((236, 231, 243), (196, 168, 214)),
    'Leishman': ((243, 241, 236), (231, 172, 178)),
}


class Stain(NamedTuple):
    """One slide's stain.

    Attributes:
        ground (np.ndarray): Colour of the empty slide, BGR, shape (3,), 0-1.
        densities (dict): Substance -> optical density in full thickness, BGR float32, shape (3,).
    """

    ground: np.ndarray
    densities: dict[str, np.ndarray]


def _density(rgb) -> np.ndarray:
    return -np.log(np.asarray(rgb[::-1], np.float64) / 255)


def sample_stain(rng) -> Stain:
    """Draw a slide's stain: one of four kinds, its strength and its tint varied."""
    ground, red_cell = _STAINS[str(rng.choice(list(_STAINS)))]
    strength = np.exp(rng.normal(0, 0.1))
    tint = np.exp(rng.normal(0, 0.05, 3))
    colours = {**_SUBSTANCES, 'red cell': red_cell}
    densities = {name: (_density(rgb) * strength * tint).astype(np.float32) for name, rgb in colours.items()}
    densities['red cell'] *= np.float32(np.exp(rng.normal(0, 0.12)))
    brightness = np.exp(rng.normal(0, 0.013, 3)) * rng.uniform(0.92, 1.02)
    return Stain(np.clip(np.asarray(ground[::-1]) / 255 * brightness, 0.5, 1.0), densities)
