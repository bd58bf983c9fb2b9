"""Red cells infected by malaria: ring, trophozoite, schizont and gametocyte.

The outline is that of the infected red cell, the class is the stage, as BBBC041 annotates it.
"""

import numpy as np

from .canvas import Patch
from .palette import Stain
from .red_cells import Drawing, Pallor, haemoglobin
from .shapes import blob, crescent, rotation, snap


def _host(rng, stain: Stain, centre, radius: float, aspect: float, depth: float, thickness: float = 1.0):
    """Outline and patch of the red cell that holds the parasite, with its haemoglobin, and the mask."""
    angle = rng.uniform(0, np.pi)
    outline = snap(blob(rng, radius, aspect, 0.022, angle) + centre)
    patch = Patch(outline)
    axes = (radius * aspect**0.5, radius / aspect**0.5)
    blood = haemoglobin(patch, outline, centre, axes, angle, Pallor(depth, 0.45))
    patch.absorb(blood * np.float32(thickness), stain.densities['red cell'])
    return outline, patch, patch.fill(outline)


def _scatter(rng, count: int, reach: float) -> np.ndarray:
    """Points spread evenly over a disc of radius ``reach``, shape (count, 2)."""
    angle = rng.uniform(0, 2 * np.pi, count)
    distance = reach * np.sqrt(rng.uniform(0, 1, count))
    return np.stack([np.cos(angle), np.sin(angle)], 1) * distance[:, None]


def _stippling(rng, patch: Patch, mask, stain: Stain, centre, radius: float) -> None:
    spots = centre + _scatter(rng, int(radius * 1.6), radius)
    patch.absorb(patch.discs(spots, np.full(len(spots), 0.7)) * mask * 0.8, stain.densities['stippling'])


def _pigment(rng, patch: Patch, mask, stain: Stain, centre, spread: float, count: int) -> None:
    spots = centre + rng.normal(0, spread, (count, 2))
    patch.absorb(patch.discs(spots, rng.uniform(0.6, 1.0, count)) * mask, stain.densities['pigment'])


def draw_ring(rng, stain: Stain, centre, radius: float) -> Drawing:
    """One or two thin blue rings, each with a chromatin dot. Arguments as `draw_red_cell`."""
    outline, patch, _ = _host(rng, stain, centre, radius, 1 + abs(rng.normal(0, 0.07)), rng.uniform(0.1, 0.4))
    count = 2 if rng.random() < 0.15 else 1
    turn = rng.uniform(0, 2 * np.pi)
    for i in range(count):
        direction = np.array([np.cos(turn + i * np.pi), np.sin(turn + i * np.pi)])
        size = radius * rng.uniform(0.24, 0.34)
        where = centre + direction * radius * (rng.uniform(0.15, 0.5) if count == 1 else 0.45)
        aspect, angle = rng.uniform(1, 1.25), rng.uniform(0, np.pi)
        outer = patch.fill(blob(rng, size, aspect, 0.02, angle, 24) + where)
        inner = patch.fill(blob(rng, size * 0.62, aspect, 0.02, angle, 24) + where)
        patch.density *= (1 - 0.45 * inner)[..., None]
        patch.absorb(np.maximum(outer - inner, 0) * 1.15, stain.densities['parasite'])
        side = rng.uniform(0, 2 * np.pi, 2 if rng.random() < 0.2 else 1)
        dots = where + np.stack([np.cos(side), np.sin(side)], 1) * size
        patch.absorb(
            patch.discs(dots, np.full(len(dots), radius * 0.105)) * 1.3, stain.densities['chromatin']
        )
    return Drawing(outline, patch)


def draw_trophozoite(rng, stain: Stain, centre, radius: float) -> Drawing:
    """A large amoeboid body with one chromatin mass, in an enlarged, stippled cell. Arguments as above."""
    radius = radius * rng.uniform(1.1, 1.28)
    outline, patch, mask = _host(rng, stain, centre, radius, 1 + abs(rng.normal(0, 0.1)), 0.05, 0.85)
    _stippling(rng, patch, mask, stain, centre, radius)
    where = centre + _scatter(rng, 1, radius * 0.2)[0]
    body = patch.fill(blob(rng, radius * rng.uniform(0.5, 0.62), 1.2, 0.22, rng.uniform(0, np.pi)) + where)
    vacuole = patch.fill(blob(rng, radius * rng.uniform(0.14, 0.22), 1.2, 0.1) + where)
    body *= mask * (1 - 0.75 * vacuole)
    texture = 0.85 + 0.2 * patch.noise(rng, max(radius / 6, 2))
    patch.absorb(body * np.maximum(texture, 0.4), stain.densities['parasite'])
    side = rng.uniform(0, 2 * np.pi)
    mass = where + np.array([np.cos(side), np.sin(side)]) * radius * 0.34
    patch.absorb(
        patch.fill(blob(rng, radius * 0.17, 1.3, 0.08, side) + mass) * 1.2, stain.densities['chromatin']
    )
    _pigment(rng, patch, mask, stain, where, radius * 0.22, 6)
    return Drawing(outline, patch)


def draw_schizont(rng, stain: Stain, centre, radius: float) -> Drawing:
    """A rosette of 8-20 merozoites around clumped pigment that fills the cell. Arguments as above."""
    radius = radius * rng.uniform(1.08, 1.25)
    outline, patch, mask = _host(rng, stain, centre, radius, 1 + abs(rng.normal(0, 0.06)), 0.0, 0.7)
    patch.absorb(patch.discs(centre[None], [radius * 0.8]) * mask * 0.3, stain.densities['parasite'])
    total = int(rng.integers(8, 21))
    inner = max(total - 11, 0)
    angles = np.concatenate([np.arange(total - inner) / (total - inner), np.arange(inner) / max(inner, 1)])
    angles = angles * 2 * np.pi + rng.normal(0, 0.08, total) + rng.uniform(0, 6)
    reach = np.where(np.arange(total) < total - inner, 0.66, 0.34) * radius * rng.normal(1, 0.05, total)
    where = centre + np.stack([np.cos(angles), np.sin(angles)], 1) * reach[:, None]
    size = radius * 0.155
    patch.absorb(patch.discs(where, np.full(total, size)) * 0.75 * mask, stain.densities['parasite'])
    patch.absorb(patch.discs(where, np.full(total, size * 0.68)) * 0.9 * mask, stain.densities['chromatin'])
    _pigment(rng, patch, mask, stain, centre, radius * 0.1, 9)
    return Drawing(outline, patch)


def draw_gametocyte(rng, stain: Stain, centre, radius: float) -> Drawing:
    """A round body that fills its cell, or the banana shape of P. falciparum. Arguments as above."""
    if rng.random() < 0.5:
        turn = rotation(rng.uniform(0, 2 * np.pi))
        bend = radius * rng.uniform(0.2, 0.45)
        length = radius * rng.uniform(2.5, 2.9)
        hull = crescent(length * 1.04, radius * 1.15, bend, 2.4, 0.6)
        outline = snap(hull @ turn + centre)
        patch = Patch(outline)
        patch.absorb(patch.fill(outline) * 0.7, stain.densities['red cell'])
        body = patch.fill(crescent(length * 0.97, radius * 0.84, bend, 2.6, 0.5) @ turn + centre)
        nucleus = centre - np.array([0, bend / 3]) @ turn
    else:
        radius = radius * rng.uniform(1.1, 1.25)
        outline, patch, mask = _host(rng, stain, centre, radius, 1 + abs(rng.normal(0, 0.08)), 0.0, 0.8)
        body = patch.fill(blob(rng, radius * rng.uniform(0.8, 0.88), 1.05, 0.03) + centre) * mask
        nucleus = centre + _scatter(rng, 1, radius * 0.4)[0]
    texture = np.maximum(0.75 + 0.12 * patch.noise(rng, max(radius / 6, 2)), 0.3)
    patch.absorb(body * texture, stain.densities['parasite'])
    mass = patch.fill(blob(rng, radius * 0.28, 1.3, 0.08, rng.uniform(0, np.pi)) + nucleus)
    patch.absorb(mass * body, stain.densities['chromatin'])
    _pigment(rng, patch, body, stain, nucleus, radius * 0.3, 16)
    return Drawing(outline, patch)
