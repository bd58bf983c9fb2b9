"""Pictures of the cells behind the numbers: a random, limited part of each class."""

import hashlib
import heapq
import io
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from unihema_mm.apis.image_regions import ImageRegions, open_regions
from unihema_mm.structures.results import ImageResult
from unihema_mm.utils.errors import InputError

from .counts import Finding, Status
from .options import ReportOptions

_MARGIN = 0.15  # of the longer side, shown around a cell


@dataclass(frozen=True)
class Picture:
    """One cell of the gallery.

    Attributes:
        number: Number of the cell in the report.
        image: Name of its image.
        score: 0 to 1.
        png: Content of a PNG file.
    """

    number: int
    image: str
    score: float
    png: bytes


class Gallery:
    """Cells of one slide, of each class and status at most ``crops_per_class``, drawn at random.

    The same cells are drawn in every run. Nothing else of an image is kept.

    Args:
        options: Limits and size.
    """

    def __init__(self, options: ReportOptions) -> None:
        self._options = options
        self._kept: dict[tuple[str, Status], list[tuple[int, int, Picture | None]]] = defaultdict(list)
        self._numbers: dict[tuple[str, Status], list[tuple[int, int]]] = defaultdict(list)

    def __len__(self) -> int:
        """Pictures that are kept."""
        return sum(map(len, self._kept.values()))

    def add(self, result: ImageResult, found: Sequence[Finding], first_number: int, room: int) -> str | None:
        """Take pictures of an image's cells.

        Args:
            result: The image.
            found: Its cells.
            first_number: Number of the first one in the report.
            room: Pictures that may be added to those that are kept.

        Returns:
            Why there are none, None where all that were drawn could be taken.
        """
        wanted = []
        for one in found:
            key = one.name, one.status
            number = first_number + one.number
            _extend(self._numbers[key], number)
            draw = _draw(result.name, one.number)
            kept = self._kept[key]
            if len(kept) < self._options.crops_per_class and room > 0:
                room -= 1
            elif not kept or -draw <= kept[0][0]:
                continue
            else:
                heapq.heappop(kept)
            # A heap gives its smallest entry: of -draw that is the picture to go first.
            heapq.heappush(kept, (-draw, number, None))
            wanted.append((key, one, number))
        return self._cut(result, wanted)

    def _cut(self, result: ImageResult, wanted: list) -> str | None:
        drawn = {number: (key, one) for key, one, number in wanted if self._is_kept(key, number)}
        reason = None
        pictures = {}
        if drawn and result.path is None:
            reason = 'the image is no file'
        elif drawn:
            try:
                with open_regions(result.path) as regions:
                    for number, (_, one) in drawn.items():
                        png = _png(regions, one.bbox, self._options.crop_px)
                        pictures[number] = Picture(number, result.name, one.score, png)
            except (InputError, OSError) as fault:
                reason = str(fault)
        for key in {key for key, _ in drawn.values()}:
            self._kept[key] = [
                (draw, number, pictures.get(number, picture)) for draw, number, picture in self._kept[key]
            ]
        return reason

    def _is_kept(self, key: tuple[str, Status], number: int) -> bool:
        return any(other == number for _, other, _ in self._kept[key])

    def sections(self) -> list[dict]:
        """Pictures by class and status.

        Returns:
            Dicts of ``name``, ``status``, ``cells`` (how many there are), ``pictures`` by falling score, and
            ``others``, the ranges of the numbers of all cells without a picture.
        """
        found = []
        for (name, status), ranges in self._numbers.items():
            pictures = sorted(
                (picture for *_, picture in self._kept[name, status] if picture), key=lambda one: -one.score
            )
            shown = {one.number for one in pictures}
            others = _without(ranges, shown)
            cells = sum(last - first + 1 for first, last in ranges)
            found.append(dict(name=name, status=status, cells=cells, pictures=pictures, others=others))
        order = list(Status)
        return sorted(found, key=lambda one: (order.index(one['status']), -one['cells'], one['name']))


def _draw(image: str, number: int) -> int:
    text = f'{image}\0{number}'.encode(errors='surrogatepass')
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest())


def _extend(ranges: list[tuple[int, int]], number: int) -> None:
    if ranges and ranges[-1][1] == number - 1:
        ranges[-1] = (ranges[-1][0], number)
    else:
        ranges.append((number, number))


def _without(ranges: list[tuple[int, int]], shown: set[int]) -> list[tuple[int, int]]:
    left = []
    for first, last in ranges:
        cuts = sorted(number for number in shown if first <= number <= last)
        for low, high in zip([first - 1, *cuts], [*cuts, last + 1], strict=True):
            if high - low > 1:
                left.append((low + 1, high - 1))
    return left


def _png(regions: ImageRegions, bbox: tuple[float, float, float, float] | None, side: int) -> bytes:
    """A cell with a little around it, at most ``side`` pixels wide and high."""
    x1, y1, x2, y2 = bbox or (0, 0, regions.width, regions.height)
    around = _MARGIN * max(x2 - x1, y2 - y1) if bbox else 0
    left = int(np.clip(x1 - around, 0, regions.width - 1))
    top = int(np.clip(y1 - around, 0, regions.height - 1))
    right = int(np.clip(np.ceil(x2 + around), left + 1, regions.width))
    bottom = int(np.clip(np.ceil(y2 + around), top + 1, regions.height))
    image = Image.fromarray(regions.read(left, top, right, bottom))
    scale = side / max(image.size)
    image = image.resize([max(1, round(length * scale)) for length in image.size], Image.Resampling.LANCZOS)
    # 64 colours are plenty for a stamp-sized stained cell, and a third of the bytes.
    content = io.BytesIO()
    image.quantize(64, Image.Quantize.FASTOCTREE).save(content, format='PNG')
    return content.getvalue()
