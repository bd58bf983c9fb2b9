"""White cells, drawn from their attribute values: every value changes the picture."""

from itertools import pairwise

import cv2
import numpy as np

from .canvas import Patch
from .palette import Stain
from .red_cells import Drawing
from .shapes import blob, rotation, snap

# Radius of a cell over that of a red cell. The gap between the two ranges keeps the value visible.
SIZES = {'small': (1.2, 1.45), 'big': (1.75, 2.05)}
# Radius of a granule over that of a red cell, and how many a unit of cytoplasm gets.
GRANULES = {'small': (0.04, 0.06, 100), 'round': (0.095, 0.125, 80), 'coarse': (0.11, 0.18, 38)}

# Purple is several times as dense as pink: in full strength, fine granules would pass for a basophil's.
FINE_PURPLE = 0.4
# Density of a granule, and of the ones out of focus between them.
STRENGTHS = {'small': (0.55, 0.22), 'round': (0.8, 0.35), 'coarse': (0.75, 0.0)}


def _arc(span: float, reach: float, count: int) -> np.ndarray:
    angle = np.linspace(-span / 2, span / 2, count)
    # The arc's centre of mass lies off the origin; half of that is taken back to keep it inside the cell.
    shift = reach * np.sin(span / 2) / (span / 2) / 2
    return np.stack([np.cos(angle) * reach - shift, np.sin(angle) * reach], 1)


def _lobes(rng, patch: Patch, place, centres: np.ndarray, size: float) -> np.ndarray:
    """Lobes at ``centres`` (unit cell) joined by thin bridges."""
    shapes = []
    for i, centre in enumerate(centres):
        along = centres[min(i + 1, len(centres) - 1)] - centres[max(i - 1, 0)]
        angle = np.arctan2(along[1], along[0]) + rng.normal(0, 0.3)
        lobe = blob(rng, size * rng.normal(1, 0.07), rng.uniform(1.05, 1.35), 0.07, angle)
        shapes.append(place(lobe + centre))
    steps = np.linspace(0, 1, 9)[:, None]
    bridges = place(np.concatenate([a + (b - a) * steps for a, b in pairwise(centres)]))
    thin = np.full(len(bridges), max(0.05 * place.radius, 1.0))
    return np.maximum(patch.fill(*shapes), patch.discs(bridges, thin))


class _Place:
    """Maps the unit cell to the slide: turned, scaled and moved."""

    def __init__(self, centre, radius: float, angle: float):
        self.centre, self.radius, self.turn = np.asarray(centre), radius, rotation(angle)

    def __call__(self, points: np.ndarray) -> np.ndarray:
        return points @ self.turn * self.radius + self.centre


def _compact_size(ratio: str, rng) -> float:
    return rng.uniform(0.84, 0.9) if ratio == 'high' else rng.uniform(0.6, 0.68)


def _band(rng, patch, place, ratio):
    path = _arc(rng.uniform(3.7, 4.5), rng.uniform(0.46, 0.5), 30)
    swell = 0.19 + 0.03 * np.cos(np.linspace(-np.pi, np.pi, 30) * 2)
    return patch.discs(place(path), swell * place.radius)


def _round(rng, patch, place, ratio):
    size = _compact_size(ratio, rng)
    shift = np.array([(0.95 - size) * 0.6, 0])
    return patch.fill(place(blob(rng, size, rng.uniform(1, 1.12), 0.015, rng.uniform(0, np.pi)) + shift))


def _indented(rng, patch, place, ratio):
    size = _compact_size(ratio, rng)
    path = _arc(rng.uniform(2.6, 3.0), size * 0.58, 24)
    swell = size * (0.57 + 0.03 * np.cos(np.linspace(-np.pi, np.pi, 24)))
    return patch.discs(place(path), swell * place.radius)


def _bilobed(rng, patch, place, ratio):
    gap = rng.uniform(0.42, 0.46)
    centres = np.array([[-0.1, -gap], [0.1 * rng.uniform(-1, 1), gap]])
    return _lobes(rng, patch, place, centres, rng.uniform(0.34, 0.385))


def _multilobed(rng, patch, place, ratio):
    count = int(rng.choice([3, 4, 5], p=[0.5, 0.37, 0.13]))
    span = {3: 3.3, 4: 4.2, 5: 4.9}[count] * rng.normal(1, 0.04)
    centres = _arc(span, 0.52, count) + rng.normal(0, 0.06, (count, 2))
    return _lobes(rng, patch, place, centres, {3: 0.31, 4: 0.265, 5: 0.235}[count])


def _irregular(rng, patch, place, ratio):
    size = _compact_size(ratio, rng) * 0.98
    shape = blob(rng, size, rng.uniform(1.1, 1.3), 0.1, rng.uniform(0, np.pi), points=48)
    angle = np.arctan2(shape[:, 1], shape[:, 0])
    for fold in rng.uniform(-np.pi, np.pi, int(rng.integers(2, 4))):
        away = np.abs((angle - fold + np.pi) % (2 * np.pi) - np.pi)
        shape *= (1 - rng.uniform(0.25, 0.42) * np.exp(-((away / 0.22) ** 2)))[:, None]
    return patch.fill(place(shape))


_NUCLEI = {
    'unsegmented-band': _band,
    'unsegmented-round': _round,
    'unsegmented-indented': _indented,
    'segmented-bilobed': _bilobed,
    'segmented-multilobed': _multilobed,
    'irregular': _irregular,
}


def _outline(rng, centre, radius: float, shape: str) -> np.ndarray:
    if shape == 'round':
        return snap(blob(rng, radius, rng.uniform(1, 1.08), 0.012, rng.uniform(0, np.pi), points=44) + centre)
    points = blob(rng, radius, rng.uniform(1.1, 1.28), 0.055, rng.uniform(0, np.pi), points=56)
    angle = np.arctan2(points[:, 1], points[:, 0])
    for bulge in rng.uniform(-np.pi, np.pi, int(rng.integers(2, 5))):
        away = np.abs((angle - bulge + np.pi) % (2 * np.pi) - np.pi)
        points *= (1 + rng.uniform(0.1, 0.2) * np.exp(-((away / 0.24) ** 2)))[:, None]
    return snap(points + centre)


def _in_cytoplasm(rng, patch: Patch, free: np.ndarray, count: int) -> np.ndarray:
    """Random positions on the slide where ``free`` (h, w) is set, shape (count, 2)."""
    rows, columns = np.nonzero(free)
    if not len(rows):
        return np.zeros((0, 2))
    pick = rng.integers(0, len(rows), count)
    spots = np.stack([columns[pick], rows[pick]], 1) + rng.uniform(0, 1, (count, 2))
    return spots + patch.origin


def _cytoplasm(rng, patch: Patch, stain: Stain, mask, unit: float, values: dict[str, str]) -> None:
    thickness = 0.92 + 0.05 * patch.noise(rng, unit)
    if values['cytoplasm_texture'] == 'frosted':
        thickness += 0.3 * patch.noise(rng, max(unit / 8, 1.6)) + 0.12
    patch.absorb(np.maximum(thickness, 0.25) * mask, stain.densities[values['cytoplasm_colour']])


def _nucleus(rng, patch: Patch, stain: Stain, nucleus, unit: float, chromatin: str) -> None:
    if chromatin == 'densely':
        thickness = 1.05 + 0.2 * patch.noise(rng, max(unit / 5, 2))
    else:
        thickness = 0.68 + 0.2 * patch.noise(rng, max(unit / 8, 2))
    patch.replace(nucleus, np.maximum(thickness, 0.3), stain.densities['nucleus'])


def _granules(rng, patch: Patch, stain: Stain, mask, nucleus, unit: float, values: dict[str, str]) -> None:
    low, high, per_unit = GRANULES[values['granule_type']]
    coarse = values['granule_type'] == 'coarse'
    where = mask > 0.9 if coarse else (mask > 0.9) & (nucleus < 0.3)
    count = int(per_unit * where.sum() / (np.pi * unit**2))
    spots = _in_cytoplasm(rng, patch, where, count)
    cover = patch.discs(spots, rng.uniform(low, high, len(spots)) * unit) * mask
    if not coarse:
        cover *= 1 - nucleus
    colour = stain.densities[values['granule_colour']]
    if values['granule_colour'] == 'purple' and not coarse:
        colour = colour * np.float32(FINE_PURPLE)
    strength, between = STRENGTHS[values['granule_type']]
    if between:
        patch.absorb(mask * (1 - nucleus) * between, colour)
    patch.absorb(cover * strength, colour)


def _vacuoles(rng, patch: Patch, mask, nucleus, unit: float) -> None:
    reach = max(round(unit * 0.2), 1)
    inside = cv2.erode(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1,) * 2))
    spots = _in_cytoplasm(rng, patch, (inside > 0.9) & (nucleus < 0.1), int(rng.integers(5, 10)))
    holes = patch.discs(spots, rng.uniform(0.1, 0.19, len(spots)) * unit)
    patch.density *= (1 - 0.88 * holes * mask)[..., None]


def white_cell_radius(rng, unit: float, values: dict[str, str]) -> float:
    """Radius in pixels that shows ``values['cell_size']`` beside red cells of radius ``unit``."""
    return unit * rng.uniform(*SIZES[values['cell_size']])


def draw_white_cell(rng, stain: Stain, centre, radius: float, unit: float, values: dict[str, str]) -> Drawing:
    """A white cell that shows its attribute values.

    Args:
        rng (np.random.Generator): Source of all variation within the values.
        stain (Stain): The slide's stain.
        centre (np.ndarray): Position on the slide, pixels.
        radius (float): Radius of the cell, pixels, from `white_cell_radius`.
        unit (float): Radius of the red cells beside it, pixels; granules scale with it.
        values (dict): The 11 attribute values.

    Returns:
        Drawing: Outline and matter.
    """
    outline = _outline(rng, centre, radius, values['cell_shape'])
    patch = Patch(outline)
    mask = patch.fill(outline)
    place = _Place(centre, radius, rng.uniform(0, 2 * np.pi))
    nucleus = _NUCLEI[values['nucleus_shape']](rng, patch, place, values['nuclear_cytoplasmic_ratio']) * mask
    _cytoplasm(rng, patch, stain, mask, unit, values)
    _nucleus(rng, patch, stain, nucleus, unit, values['chromatin_density'])
    if values['granularity'] == 'yes':
        _granules(rng, patch, stain, mask, nucleus, unit, values)
    if values['cytoplasm_vacuole'] == 'yes':
        _vacuoles(rng, patch, mask, nucleus, unit)
    return Drawing(outline, patch)
