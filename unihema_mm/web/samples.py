"""Sample pictures of the page: those of a folder, or drawn ones."""

from pathlib import Path

import cv2
import numpy as np

from unihema_mm.datasets.image_files import IMAGE_SUFFIXES
from unihema_mm.datasets.synthetic.scene import draw_field
from unihema_mm.utils.errors import InputError

from .options import PageOptions
from .uploads import check_upload, keep_copy, safe_name

MOST_SAMPLES = 24
DRAWN_FIELDS = 4
_SEED = 7


def copy_samples(source: str, folder: Path, options: PageOptions) -> list[Path]:
    """Copy the pictures of a folder, the first in order of their names.

    Pictures that the page would refuse are left out.

    Args:
        source: The folder; its subfolders are not read.
        folder: Where to.
        options: Limits of pictures.

    Raises:
        InputError: It is no folder, or has no picture.
    """
    root = Path(source)
    if not root.is_dir():
        raise InputError(f'web page: samples: {source} is not a folder; give a folder of pictures')
    copies = []
    for path in sorted(root.iterdir()):
        if path.suffix.lower() not in IMAGE_SUFFIXES or path.name.startswith('.') or not path.is_file():
            continue
        try:
            check_upload(path, path.name, options)
        except InputError:
            continue
        copies.append(keep_copy(path, safe_name(path.name), folder)[1])
        if len(copies) == MOST_SAMPLES:
            break
    if not copies:
        raise InputError(
            f'web page: samples: {source} has no picture that the page takes; choose another folder'
        )
    return copies


def draw_samples(folder: Path) -> list[Path]:
    """Draw synthetic smears, the same in each run."""
    paths = []
    for number in range(DRAWN_FIELDS):
        scene = draw_field(np.random.default_rng(_SEED + number))
        path = folder / f'synthetic_smear_{number + 1}.png'
        cv2.imwrite(str(path), scene.picture)
        paths.append(path)
    return paths
