"""Figures of a slide, as PNG."""

import io
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from unihema_mm.utils.palette import colour_blind_palette

from .cell_counts import PER_IMAGE
from .differential import DIFFERENTIAL
from .parasitaemia import STAGES
from .quantities import Quantity, Sample

_BLUE, _ORANGE, _GREEN, _PURPLE = (tuple(c / 255 for c in colour) for colour in colour_blind_palette(4))
_MOST_BARS = 30


def draw_figures(sample: Sample, lines: Sequence[Quantity]) -> list[tuple[str, bytes]]:
    """Draw what the numbers of a slide allow.

    Args:
        sample: The slide.
        lines: Its numbers.

    Returns:
        Caption and content of a PNG file of each figure.
    """
    confidence = f'{100 * sample.options.confidence:g} % interval'
    figures = []
    for name, colour, label in (
        (DIFFERENTIAL, _BLUE, '% of the white cells of a clear type'),
        (STAGES, _ORANGE, '% of the parasites of clear stage'),
        (PER_IMAGE, _GREEN, 'cells per image'),
    ):
        shown = [line for line in lines if line.quantity == name and line.value is not None][:_MOST_BARS]
        if shown:
            caption = f'{name[0].upper()}{name[1:]}, with {confidence}'
            figures.append((caption, _render(_bars, len(shown), shown, colour, label)))
    return figures


def _bars(axes: Axes, lines: Sequence[Quantity], colour: tuple, label: str) -> None:
    values = [line.value for line in lines]
    errors = [[line.value - line.low for line in lines], [line.high - line.value for line in lines]]
    axes.barh(range(len(lines)), values, xerr=errors, color=colour, height=0.6, capsize=3, ecolor='black')
    # A dollar sign would start a formula.
    axes.set_yticks(range(len(lines)), [line.kind.replace('$', r'\$') for line in lines])
    axes.set(xlabel=label, xlim=(0, None))
    axes.invert_yaxis()
    axes.spines[['top', 'right']].set_visible(False)
    axes.grid(axis='x', alpha=0.3)


def _render(draw, rows: int, *args) -> bytes:
    figure = Figure(figsize=(6.4, 1.0 + 0.32 * rows), layout='constrained')
    FigureCanvasAgg(figure)
    draw(figure.add_subplot(), *args)
    content = io.BytesIO()
    figure.savefig(content, format='png', dpi=110)
    return content.getvalue()
