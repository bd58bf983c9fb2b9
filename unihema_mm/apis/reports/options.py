"""What a report counts and shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from unihema_mm.utils.errors import InputError
from unihema_mm.utils.names import nearest_names

BORDER_RULES = {
    'unbiased': 'cells that touch the right or bottom edge are left out, those at the left or top count',
    'all': 'all cells are counted, also those cut by an edge',
    'inside': 'cells that touch any edge are left out',
}
INTERVAL_RULES = ('auto', 'independent', 'images')


@dataclass(frozen=True)
class ReportOptions:
    """Rules of a report; all of them are named in the report.

    Attributes:
        title: Heading.
        model: Name of the model, as it should stand in the report.
        model_hash: Hash of its weights.
        slide: Name of the one slide that all images belong to; by default each folder is a slide.
        identify: Score, 0 to 1, from which on a cell is identified; below it is 'not identifiable'.
        margin: A cell is of unclear type where a second class of it scores less than this below the best.
        identify_attribute: The same as ``identify`` for the value of an attribute.
        border: One of :data:`BORDER_RULES`.
        border_px: Pixels; a box as near as this to an edge of the image touches it.
        same_cell_iou: Two boxes that overlap by this intersection over union, 0 to 1, are one cell.
        wbc_per_ul: White cells per microlitre of the patient, one number or slide -> number.
        rbc_per_ul: Red cells per microlitre, as ``wbc_per_ul``.
        gametocytes: Whether gametocytes count as parasites in the parasitaemia.
        confidence: Confidence of the intervals, between 0 and 1.
        intervals: ``'independent'``: cells are independent of each other; ``'images'``: their spread over
            images widens the intervals; ``'auto'``: the second from ``min_images`` on.
        min_images: Images a slide needs for ``'auto'`` to look at the spread over images.
        crops_per_class: Cells per slide and class in the gallery.
        max_crops: Cells in the gallery of a whole report.
        max_figures: Slides with figures.
        crop_px: Longest side of a picture in the gallery, pixels.

    Raises:
        InputError: A value is out of its range.
    """

    title: str = 'Blood smear report'
    model: str | None = None
    model_hash: str | None = None
    slide: str | None = None
    identify: float = 0.5
    margin: float = 0.1
    identify_attribute: float = 0.5
    border: str = 'unbiased'
    border_px: float = 2.0
    same_cell_iou: float = 0.8
    wbc_per_ul: float | Mapping[str, float] | None = None
    rbc_per_ul: float | Mapping[str, float] | None = None
    gametocytes: bool = False
    confidence: float = 0.95
    intervals: str = 'auto'
    min_images: int = 10
    crops_per_class: int = 24
    max_crops: int = 2000
    max_figures: int = 50
    crop_px: int = 72

    def __post_init__(self) -> None:
        for name in ('identify', 'margin', 'identify_attribute'):
            _check(name, getattr(self, name), 0 <= getattr(self, name) <= 1, 'give a number from 0 to 1')
        for name in ('confidence', 'same_cell_iou'):
            _check(name, getattr(self, name), 0 < getattr(self, name) < 1, 'give a number between 0 and 1')
        for name in ('border_px', 'crops_per_class', 'max_crops', 'max_figures'):
            _check(name, getattr(self, name), getattr(self, name) >= 0, 'give 0 or more')
        _check('crop_px', self.crop_px, self.crop_px >= 8, 'give 8 or more')
        _check('min_images', self.min_images, self.min_images >= 2, 'give 2 or more')
        _check('border', self.border, self.border in BORDER_RULES, f'use one of {", ".join(BORDER_RULES)}')
        _check('intervals', self.intervals, self.intervals in INTERVAL_RULES,
               f'use one of {", ".join(INTERVAL_RULES)}')  # fmt: skip
        for name in ('wbc_per_ul', 'rbc_per_ul'):
            given = getattr(self, name)
            for value in given.values() if isinstance(given, Mapping) else (given,):
                _check(name, value, value is None or value > 0, 'give cells per microlitre, above 0')

    def per_ul(self, kind: str, slide: str) -> float | None:
        """White (``'wbc'``) or red (``'rbc'``) cells per microlitre of a slide, None where not given."""
        given = getattr(self, f'{kind}_per_ul')
        return given.get(slide) if isinstance(given, Mapping) else given

    def check_slides(self, slides: Sequence[str]) -> None:
        """Check that cells per microlitre are given for slides that there are.

        Raises:
            InputError: There is no such slide.
        """
        for name in ('wbc_per_ul', 'rbc_per_ul'):
            given = getattr(self, name)
            for slide in given if isinstance(given, Mapping) else ():
                _check(
                    name, slide, slide in slides, f'there is no such slide ({nearest_names(slide, slides)})'
                )


def _check(name: str, value: object, is_right: bool, mend: str) -> None:
    if not is_right:
        raise InputError(f'report: {name}: is {value!r}; {mend}')
