"""The report as one HTML file that needs no other."""

import base64
from dataclasses import dataclass, field

import jinja2

from unihema_mm.structures.results import RESEARCH_USE, FailedImage

from .cell_counts import LEFT_OUT
from .quantities import Quantity

SHOWN_RANGES = 40


@dataclass(frozen=True)
class SlidePage:
    """What the template shows of a slide.

    Attributes:
        name: Its name.
        lines: Its numbers.
        figures: Caption and PNG content.
        sections: Of the gallery.
        columns: Heads of the table of images.
        images: Rows of it.
        cells: Cells within the border rule.
        unidentified: Those of them that are not identifiable.
        failed: Images that could not be read or predicted.
        without_cells: Images on which nothing was asked for that has cells.
        no_pictures: Image -> why the gallery has none of its cells.
        warnings: Image and what the reader should know of it.
    """

    name: str
    lines: list[Quantity]
    figures: list[tuple[str, bytes]]
    sections: list[dict]
    columns: list[str]
    images: list[list]
    cells: int
    unidentified: int
    failed: list[FailedImage] = field(default_factory=list)
    without_cells: list[str] = field(default_factory=list)
    no_pictures: dict[str, str] = field(default_factory=dict)
    warnings: list[tuple[str, str]] = field(default_factory=list)

    @property
    def images_read(self) -> int:
        """Images with counts."""
        return len(self.images)


def render(**context) -> bytes:
    """Fill the template.

    Args:
        context: See ``templates/report.html``.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(__package__), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters.update(number=_number, interval=_interval, png=_data_address, ranges=_ranges)
    text = environment.get_template('report.html').render(notice=RESEARCH_USE, left_out=LEFT_OUT, **context)
    return text.encode(errors='backslashreplace')


def _number(value: float | None) -> str:
    if value is None:
        return 'undefined'
    if value == int(value):
        return f'{int(value):,}'
    return f'{value:,.0f}' if abs(value) >= 1000 else f'{value:.3g}' if abs(value) < 10 else f'{value:.1f}'


def _interval(line: Quantity) -> str:
    return '' if line.low is None else f'{_number(line.low)} to {_number(line.high)}'


def _data_address(content: bytes) -> str:
    return f'data:image/png;base64,{base64.b64encode(content).decode()}'


def _ranges(ranges: list[tuple[int, int]]) -> str:
    text = ', '.join(
        f'{first}' if first == last else f'{first}-{last}' for first, last in ranges[:SHOWN_RANGES]
    )
    return text + (', …' if len(ranges) > SHOWN_RANGES else '')
