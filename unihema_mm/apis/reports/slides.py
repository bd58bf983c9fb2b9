"""What is kept of the images of a slide."""

import os
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from unihema_mm.structures.results import FailedImage, ImageResult

from .counts import Finding, findings
from .gallery import Gallery
from .groups import cell_type
from .options import ReportOptions
from .quantities import Sample
from .tally import Tally, tally


@dataclass
class Slide:
    """Images of one folder.

    Attributes:
        name: Name in the report.
        tallies: Counts per image.
        gallery: Pictures of its cells.
        failed: Images that could not be read or predicted.
        without_cells: Images on which nothing was asked for that has cells.
        classes: Classes of the model.
        no_pictures: Image -> why the gallery has none of its cells.
    """

    name: str
    gallery: Gallery
    tallies: list[Tally] = field(default_factory=list)
    failed: list[FailedImage] = field(default_factory=list)
    without_cells: list[str] = field(default_factory=list)
    classes: tuple[str, ...] = ()
    no_pictures: dict[str, str] = field(default_factory=dict)

    def sample(self, options: ReportOptions, only: Tally | None = None) -> Sample:
        """The whole slide, or one of its images."""
        return Sample(self.name, self.tallies if only is None else [only], self.classes, options)


class Slides:
    """Slides of a report, filled image by image.

    Args:
        options: Rules.
    """

    def __init__(self, options: ReportOptions) -> None:
        self._options = options
        self._slides: dict[str, Slide] = {}
        self._names: dict[str, str] = {}
        self.cells = 0
        self.thresholds: dict[str, set[float]] = {}
        self.prompts: dict[str, None] = {}

    def __iter__(self):
        return iter(self._slides.values())

    def __len__(self) -> int:
        return len(self._slides)

    def add(self, item: ImageResult | FailedImage) -> tuple[Slide, Tally, list[Finding]] | None:
        """Count an image.

        Returns:
            Its slide, counts and cells; None where it has none.
        """
        slide = self._slide_of(item)
        if isinstance(item, FailedImage):
            slide.failed.append(item)
            return None
        found = findings(item, self._options)
        if found is None:
            slide.without_cells.append(item.name)
            return None
        self._remember(slide, item)
        counted = tally(item.name, found, self.cells + 1, item.warnings)
        slide.tallies.append(counted)
        room = self._options.max_crops - sum(len(one.gallery) for one in self)
        reason = slide.gallery.add(item, found, self.cells + 1, room)
        if reason is not None:
            slide.no_pictures[item.name] = reason
        self.cells += len(found)
        return slide, counted, found

    def _remember(self, slide: Slide, item: ImageResult) -> None:
        labels = item.classes if item.cells is not None else tuple(item.cell_class.scores)
        if labels:
            names = (cell_type(label).name for label in labels)
            slide.classes = tuple(dict.fromkeys((*slide.classes, *names)))
        for name, value in item.thresholds.items():
            self.thresholds.setdefault(name, set()).add(value)
        if item.prompt is not None:
            self.prompts[item.prompt] = None

    def _slide_of(self, item: ImageResult | FailedImage) -> Slide:
        """Slide of an image: the folder in its name, else that of its file."""
        folder = PurePosixPath(item.name).parent.as_posix()
        key = folder if item.path is None else os.path.dirname(os.path.abspath(item.path))
        if self._options.slide is not None:
            key = name = self._options.slide
        elif folder != '.':
            name = folder
        else:
            name = os.path.basename(key) if item.path is not None else 'images'
        if key not in self._names:
            # Two folders of the same name are told apart by the whole path.
            self._names[key] = key if name in self._names.values() else name
            self._slides[key] = Slide(self._names[key], Gallery(self._options))
        return self._slides[key]
