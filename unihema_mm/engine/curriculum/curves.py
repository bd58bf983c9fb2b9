"""A picture of the losses of a stage."""

import io
from collections.abc import Sequence
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from unihema_mm.utils.atomic import write_bytes

from .scalars import loss_names, read_losses

CURVES_FILE = 'curves.png'


def draw_curves(folder: Path, title: str, checks: Sequence[Sequence[float]] = ()) -> bool:
    """Draw the losses that a stage has logged to ``curves.png`` in its work folder.

    Args:
        folder: Work folder.
        title: Title of the picture.
        checks: Step and score in percent of each validation that could end the stage.

    Returns:
        Whether there were any.
    """
    lines = read_losses(folder)
    if not lines:
        return False
    figure = Figure(figsize=(7, 4), layout='constrained')
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for name in loss_names(lines):
        points = [(line['step'], line[name]) for line in lines if name in line]
        total = name == 'loss'
        axes.plot(
            *zip(*points, strict=True),
            label='all tasks' if total else name.removesuffix('.loss'),
            color='black' if total else None,
            linewidth=2 if total else 1,
            marker='o' if len(points) < 3 else None,
        )
    axes.set(title=title, xlabel='step', ylabel='loss, mean of the last steps')
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.3)
    axes.legend()
    if checks:
        scores = axes.twinx()
        scores.plot(*zip(*checks, strict=True), label='score', color='black', linestyle='--', marker='.')
        scores.set(ylabel='validation score, percent')
        scores.legend(loc='lower left')
    content = io.BytesIO()
    figure.savefig(content, format='png', dpi=120)
    write_bytes(folder / CURVES_FILE, content.getvalue())
    return True
