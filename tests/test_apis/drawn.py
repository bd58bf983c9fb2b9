"""Images and class names of the tests."""

import cv2
import numpy as np

CLASSES, CELL_CLASSES = ('RBC', 'WBC', 'platelet'), ('round', 'long')


def smear(height: int = 48, width: int = 72, seed: int = 0) -> np.ndarray:
    """RGB image with some discs."""
    rng = np.random.default_rng(seed)
    image = np.full((height, width, 3), 220, np.uint8)
    for _ in range(4):
        centre = int(rng.integers(width)), int(rng.integers(height))
        colour = [int(value) for value in rng.integers(0, 200, 3)]
        cv2.circle(image, centre, int(rng.integers(3, 10)), colour, -1)
    return image
