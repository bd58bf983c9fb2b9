"""Outlines of cells: polygons of shape (n, 2) in pixels, x then y, where pixel (0, 0) covers [0, 1) x [0, 1).

This is the convention of COCO polygons. Coordinates are multiples of 1/8 pixel once snapped, which is what
is drawn, and sums and differences of them are exact.
"""

import cv2
import numpy as np

SUBPIXEL_BITS = 3
_SUBPIXELS = 1 << SUBPIXEL_BITS


def rotation(angle: float) -> np.ndarray:
    """Matrix (2, 2) that turns row vectors by ``angle`` radians."""
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, sin], [-sin, cos]])


def blob(rng, radius: float, aspect: float = 1.0, wobble: float = 0.02, angle: float = 0.0, points: int = 36):
    """Closed outline around the origin: an ellipse of the given mean radius, disturbed by low harmonics.

    Args:
        rng (np.random.Generator): Source of the disturbance.
        radius (float): Geometric mean of the half axes, pixels.
        aspect (float): Long half axis over short half axis.
        wobble (float): Standard deviation of the second harmonic; the higher ones are smaller.
        angle (float): Direction of the long axis, radians.
        points (int): Number of vertices.

    Returns:
        np.ndarray: Shape (points, 2).
    """
    theta = np.arange(points) * (2 * np.pi / points)
    order = np.arange(2, 7)[:, None]
    amplitude = rng.normal(0, wobble, (5, 1)) / np.sqrt(order - 1)
    phase = rng.uniform(0, 2 * np.pi, (5, 1))
    stretch = np.maximum(1 + (amplitude * np.cos(order * theta + phase)).sum(0), 0.35)
    root = np.sqrt(aspect)
    shape = np.stack([np.cos(theta) * root, np.sin(theta) / root], 1) * (radius * stretch)[:, None]
    return shape @ rotation(angle)


def crescent(length: float, width: float, bend: float, power: float = 2.0, ends: float = 1.0) -> np.ndarray:
    """Sickle around the origin.

    Args:
        length (float): Tip to tip along the chord, pixels.
        width (float): Thickness in the middle, pixels.
        bend (float): Depth of the arc, pixels.
        power (float): How late the thickness falls off towards the tips.
        ends (float): 1 for pointed tips, 0.5 for round ones.

    Returns:
        np.ndarray: Shape (32, 2).
    """
    t = np.sin(np.linspace(-np.pi / 2, np.pi / 2, 17))
    half = width / 2 * np.maximum(1 - np.abs(t) ** power, 0) ** ends
    middle = bend * (t**2 - 1 / 3)
    upper = np.stack([t * length / 2, middle - half], 1)
    lower = np.stack([t * length / 2, middle + half], 1)[-2:0:-1]
    return np.concatenate([upper, lower])


def snap(outline: np.ndarray) -> np.ndarray:
    """Round the vertices to 1/8 pixel."""
    return np.round(outline * _SUBPIXELS) / _SUBPIXELS


def area(outline: np.ndarray) -> float:
    """Area of a simple polygon, pixels."""
    return cv2.contourArea(outline.astype(np.float32))


def clip(outline: np.ndarray, width: int, height: int) -> np.ndarray:
    """Cut a polygon to the image (Sutherland-Hodgman); shape (0, 2) when nothing is left."""
    low, high = outline.min(0), outline.max(0)
    if low.min() >= 0 and high[0] <= width and high[1] <= height:
        return outline
    for axis, bound, sign in ((0, 0, 1), (0, width, -1), (1, 0, 1), (1, height, -1)):
        depth = (outline[:, axis] - bound) * sign
        if (depth >= 0).all():
            continue
        kept = []
        for i in range(len(outline)):
            here, there = depth[i - 1], depth[i]
            if (here >= 0) != (there >= 0):
                cut = outline[i - 1] + (outline[i] - outline[i - 1]) * (here / (here - there))
                cut[axis] = bound
                kept.append(cut)
            if there >= 0:
                kept.append(outline[i])
        if not kept:
            return np.zeros((0, 2))
        outline = np.asarray(kept)
    return snap(outline)
