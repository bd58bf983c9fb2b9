"""Red cells, sickle cells and platelets."""

from typing import NamedTuple

import numpy as np

from .canvas import Patch
from .palette import Stain
from .shapes import blob, crescent, rotation, snap


class Drawing(NamedTuple):
    """One drawn cell.

    Attributes:
        outline (np.ndarray): Its polygon on the slide, shape (n, 2), possibly beyond the border.
        patch (Patch): Its matter.
    """

    outline: np.ndarray
    patch: Patch


class Pallor(NamedTuple):
    """Profile of a red cell: ``depth`` (0-1) and relative ``width`` of the pale centre, ``target`` bump."""

    depth: float
    width: float
    target: float = 0.0


def sample_pallor(rng, sickle: bool = False) -> Pallor:
    """Draw a thickness profile: mostly normal, some hypochromic, spherocytic or (rather in sickle) target."""
    pick = rng.random()
    if pick < (0.18 if sickle else 0.02):
        return Pallor(0.8, 0.62, rng.uniform(0.5, 0.8))
    if pick < 0.25:
        return Pallor(rng.uniform(0.75, 0.92), rng.uniform(0.55, 0.68))
    if pick < 0.34:
        return Pallor(rng.uniform(0.0, 0.08), 0.4)
    return Pallor(rng.uniform(0.4, 0.72), rng.uniform(0.34, 0.5))


def haemoglobin(patch: Patch, outline, centre, axes, angle: float, pallor: Pallor) -> np.ndarray:
    """Thickness (h, w) of a biconcave disc with half axes ``axes`` (long, short), turned by ``angle``."""
    x, y = patch.offsets(centre)
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    long = (x * cos + y * sin) * np.float32(1 / axes[0])
    short = (y * cos - x * sin) * np.float32(1 / axes[1])
    square = np.minimum(long * long + short * short, np.float32(1.3))
    profile = 1 - np.float32(pallor.depth) * np.exp(-((square * np.float32(pallor.width**-2)) ** 2))
    if pallor.target:
        profile += np.float32(pallor.target) * np.exp(square * np.float32(-18))
    profile += np.float32(0.16) * square * square - np.float32(0.08)
    profile *= patch.fill(outline)
    return profile


def draw_red_cell(rng, stain: Stain, centre, radius: float, sickle: bool = False) -> Drawing:
    """A red cell with its central pallor.

    Args:
        rng (np.random.Generator): Source of all variation.
        stain (Stain): The slide's stain.
        centre (np.ndarray): Position on the slide, pixels.
        radius (float): Mean radius, pixels.
        sickle (bool): Use the variation of sickle cell disease (more targets and ovals).

    Returns:
        Drawing: Outline and matter.
    """
    aspect = 1 + abs(rng.normal(0, 0.14 if sickle else 0.08))
    angle = rng.uniform(0, np.pi)
    crenated = rng.random() < 0.03
    shape = blob(rng, radius, aspect, 0.018, angle)
    if crenated:
        spikes = np.cos(np.arange(len(shape)) * (2 * np.pi / 4) + rng.uniform(0, 6))
        shape *= (1 + 0.05 * spikes)[:, None]
    outline = snap(shape + centre)
    patch = Patch(outline)
    axes = (radius * aspect**0.5, radius / aspect**0.5)
    thickness = haemoglobin(patch, outline, centre, axes, angle, sample_pallor(rng, sickle))
    patch.absorb(thickness * np.float32(rng.normal(1, 0.06)), stain.densities['red cell'])
    return Drawing(outline, patch)


def draw_sickle_cell(rng, stain: Stain, centre, radius: float) -> Drawing:
    """A sickled red cell: dense, without pallor, drawn out to two points. Arguments as `draw_red_cell`."""
    length = radius * rng.uniform(2.3, 3.2)
    width = radius * rng.uniform(0.6, 1.0)
    bend = radius * rng.uniform(0.2, 0.75)
    shape = crescent(length, width, bend, rng.uniform(1.7, 2.6), rng.uniform(0.7, 1.05))
    outline = snap(shape @ rotation(rng.uniform(0, 2 * np.pi)) + centre)
    patch = Patch(outline)
    thickness = patch.fill(outline) * (1 + np.float32(0.08) * patch.noise(rng, radius / 2))
    patch.absorb(thickness * np.float32(rng.normal(1.2, 0.06)), stain.densities['red cell'])
    return Drawing(outline, patch)


def draw_platelet(rng, stain: Stain, centre, radius: float) -> Drawing:
    """A platelet: pale hyalomere around a granular centre. Arguments as `draw_red_cell`."""
    shape = blob(rng, radius, 1 + abs(rng.normal(0, 0.3)), 0.09, rng.uniform(0, np.pi), points=24)
    outline = snap(shape + centre)
    patch = Patch(outline)
    mask = patch.fill(outline)
    count = int(rng.integers(7, 14))
    spots = centre + rng.normal(0, radius * 0.36, (count, 2))
    granules = patch.discs(spots, rng.uniform(0.12, 0.24, count) * radius)
    patch.absorb(mask, stain.densities['platelet'])
    patch.absorb(granules * mask, stain.densities['platelet granule'])
    return Drawing(outline, patch)
