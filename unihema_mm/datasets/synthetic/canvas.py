"""The slide under the microscope: cells add optical density, light turns it into a picture."""

import cv2
import numpy as np

from .palette import Stain
from .shapes import SUBPIXEL_BITS

_SCALE = 1 << SUBPIXEL_BITS


class Patch:
    """Window of whole pixels around one outline, in which one cell is drawn; it may hang over the border.

    Args:
        outline (np.ndarray): Polygon of shape (n, 2) in slide coordinates.
        margin (int): Free pixels around it.
    """

    def __init__(self, outline: np.ndarray, margin: int = 2):
        low = np.floor(outline.min(0)).astype(int) - margin
        high = np.ceil(outline.max(0)).astype(int) + margin
        self.origin = low
        self.shape = (int(high[1] - low[1]), int(high[0] - low[0]))
        self.density = np.zeros((*self.shape, 3), np.float32)

    def _fixed(self, points: np.ndarray) -> np.ndarray:
        # cv2 puts pixel centres on whole numbers, COCO polygons put them on halves.
        return np.round((points - self.origin) * _SCALE - _SCALE // 2).astype(np.int32)

    def fill(self, *outlines: np.ndarray) -> np.ndarray:
        """Coverage of the union of polygons, float32 in [0, 1], shape (h, w)."""
        mask = np.zeros(self.shape, np.uint8)
        for outline in outlines:
            cv2.fillPoly(mask, [self._fixed(outline)], 255, cv2.LINE_AA, SUBPIXEL_BITS)
        return mask * np.float32(1 / 255)

    def discs(self, centres: np.ndarray, radii: np.ndarray) -> np.ndarray:
        """Coverage of a union of discs, float32 in [0, 1], shape (h, w)."""
        mask = np.zeros(self.shape, np.uint8)
        sizes = np.round(np.asarray(radii) * _SCALE).astype(int).tolist()
        for centre, size in zip(self._fixed(centres).tolist(), sizes, strict=True):
            cv2.circle(mask, centre, size, 255, cv2.FILLED, cv2.LINE_AA, SUBPIXEL_BITS)
        return mask * np.float32(1 / 255)

    def noise(self, rng, grain: float) -> np.ndarray:
        """Smooth random texture of zero mean and about unit spread; ``grain`` is its scale in pixels."""
        height, width = self.shape
        coarse = rng.standard_normal((int(height / grain) + 2, int(width / grain) + 2), np.float32)
        return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)

    def offsets(self, centre) -> tuple:
        """Distance of each pixel centre from ``centre``: x of shape (1, w), y of shape (h, 1)."""
        x = np.arange(self.shape[1], dtype=np.float32) + np.float32(self.origin[0] + 0.5 - centre[0])
        y = np.arange(self.shape[0], dtype=np.float32) + np.float32(self.origin[1] + 0.5 - centre[1])
        return x[None], y[:, None]

    def absorb(self, thickness: np.ndarray, density: np.ndarray) -> None:
        """Add matter: ``thickness`` (h, w) times the substance's ``density`` (3,)."""
        # Plane by plane: numpy is slow where the last axis is as short as three.
        self.density += cv2.merge([thickness * channel for channel in density])

    def replace(self, mask: np.ndarray, thickness: np.ndarray, density: np.ndarray) -> None:
        """Put matter where ``mask`` is 1 instead of what is there."""
        self.density *= (1 - mask)[..., None]
        self.density += (mask * thickness)[..., None] * density


class Slide:
    """Optical density of a whole picture, which starts as the uneven light of an empty slide.

    Args:
        rng (np.random.Generator): Source of the illumination gradient, the vignetting and the haze.
        stain (Stain): The slide's stain.
        width, height (int): Pixels.
    """

    def __init__(self, rng, stain: Stain, width: int, height: int):
        ys, xs = np.mgrid[-1:1:9j, -1:1:12j]
        slope = rng.normal(0, 0.035, 2)
        shade = slope[0] * xs + slope[1] * ys + rng.uniform(0, 0.12) * (xs**2 + ys**2) / 2
        haze = rng.normal(0, 0.005, (9, 12, 3)) + shade[..., None] - np.log(stain.ground)
        self.density = cv2.resize(haze.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)

    def paste(self, patch: Patch) -> None:
        """Add a patch where it lies, without the part beyond the border."""
        height, width = self.density.shape[:2]
        x, y = (int(v) for v in patch.origin)
        h, w = patch.shape
        left, top, right, bottom = max(x, 0), max(y, 0), min(x + w, width), min(y + h, height)
        if left < right and top < bottom:
            self.density[top:bottom, left:right] += patch.density[top - y : bottom - y, left - x : right - x]

    def photograph(self, rng) -> np.ndarray:
        """Shine light through the slide, with grain and defocus. Uses up the slide.

        Returns:
            np.ndarray: BGR uint8 of shape (h, w, 3).
        """
        # In place where possible: fresh memory costs more time here than arithmetic.
        light = np.negative(self.density, out=self.density)
        picture = cv2.convertScaleAbs(cv2.exp(light, dst=light), alpha=255)
        grain = rng.integers(0, 256, picture.shape, np.uint8)
        strength = rng.uniform(0.02, 0.07)
        cv2.addWeighted(picture, 1.0, grain, strength, -127.5 * strength, dst=picture)
        return cv2.GaussianBlur(picture, (5, 5), rng.uniform(0.45, 1.0), dst=grain)
