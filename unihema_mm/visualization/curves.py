"""Curves of training and of precision over recall, as figures."""

import io
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from sklearn.metrics import PrecisionRecallDisplay

from unihema_mm.evaluation.shown_metrics import shown_metrics
from unihema_mm.structures.results import RESEARCH_USE
from unihema_mm.utils.atomic import write_bytes
from unihema_mm.utils.errors import InputError

from .class_colours import class_colours

Curve = tuple[list[float], list[float]]
STYLES = ('-', '--', ':', '-.')


def read_scalars(work_dir: str | Path) -> dict[str, Curve]:
    """Read what the runs in a work folder logged.

    Args:
        work_dir: Work folder of ``tools/train.py``, or a folder of several.

    Returns:
        Name -> steps and values, by step; of a step that a resumed run did again, the later value.

    Raises:
        InputError: No run has logged anything there.
    """
    points: dict[str, dict[float, float]] = defaultdict(dict)
    for path in sorted(Path(work_dir).glob('*/vis_data/scalars.json')):
        for line in path.read_text(encoding='utf-8').splitlines():
            try:
                values = json.loads(line)
            except ValueError:  # the last line of a run that was killed
                continue
            is_evaluation = any('/' in name for name in values)  # its time is another one
            for name, value in values.items():
                wanted = isinstance(value, int | float) and name not in ('step', 'iter', 'epoch')
                if wanted and 'step' in values and (not is_evaluation or '/' in name):
                    points[name][values['step']] = value
    if not points:
        raise InputError(
            f'{work_dir}: has no */vis_data/scalars.json with values; give the folder of a training'
        )
    return {
        name: tuple(map(list, zip(*sorted(found.items()), strict=True))) for name, found in points.items()
    }


def split_scalars(
    curves: Mapping[str, Curve], metrics: Sequence[str] | None = None
) -> dict[str, dict[str, Curve]]:
    """Sort curves into losses, metrics and rates by their names; losses of decoder layers are left out.

    Args:
        curves: Name -> curve.
        metrics: Patterns of the names of metrics that are wanted, such as ``det/*AP50``. By default the few
            that reports show, :func:`~unihema_mm.evaluation.shown_metrics.shown_metrics`.

    Returns:
        ``losses``, ``metrics`` and ``rates``, each name -> curve.
    """
    shown = {key for keys in shown_metrics().values() for key in keys}
    parts: dict[str, dict[str, Curve]] = {'losses': {}, 'metrics': {}, 'rates': {}}
    for name, curve in curves.items():
        last = name.rsplit('.', 1)[-1]
        if 'loss' in last:
            if not any(part.startswith('d') and part[1:].isdigit() for part in name.split('.')):
                parts['losses'][name] = curve
        elif '/' in name:
            key = name.partition('/')[2]
            if key in shown if metrics is None else any(fnmatchcase(name, pattern) for pattern in metrics):
                parts['metrics'][name] = curve
        elif name in ('lr', 'grad_norm', 'memory', 'time'):
            parts['rates'][name] = curve
    return parts


def draw_curves(path: str | Path, curves: Mapping[str, Curve], title: str) -> None:
    """Draw curves over the steps as a PNG, one small plot each.

    Args:
        path: The file.
        curves: Name -> steps and values. A value that is not finite leaves a gap.
        title: Title.
    """
    columns = min(4, len(curves))
    rows = -(-len(curves) // columns)
    figure = Figure(figsize=(3.6 * columns, 2.4 * rows + 0.7), layout='constrained')
    for number, (name, (steps, values)) in enumerate(sorted(curves.items()), start=1):
        axes = figure.add_subplot(rows, columns, number)
        axes.plot(steps, values, color='#0072B2', marker='o' if len(steps) < 30 else None, markersize=3)
        axes.set_title(name, fontsize=9)
        axes.tick_params(labelsize=8)
        axes.set_xlim(0, max(steps) * 1.03)
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.grid(alpha=0.3)
    figure.suptitle(title)
    figure.supxlabel(
        f'step; of a metric: epoch, or step where a run has no epochs\n{RESEARCH_USE}', fontsize=8
    )
    _save(figure, path)


def draw_precision_recall(
    path: str | Path, curves: Mapping[str, tuple[np.ndarray, np.ndarray, float]], title: str
) -> None:
    """Draw precision over recall as a PNG, all classes in one plot.

    Args:
        path: The file.
        curves: Class -> precision, recall, average precision.
        title: Title.
    """
    figure = Figure(figsize=(9, 6), layout='constrained')
    axes = figure.add_subplot()
    colours = class_colours(curves)
    for number, (name, (precision, recall, average)) in enumerate(curves.items()):
        PrecisionRecallDisplay(precision, recall).plot(
            ax=axes,
            name=f'{name} ({average:.3f})',
            color=[channel / 255 for channel in colours[name]],
            linestyle=STYLES[number % len(STYLES)],
        )
    axes.set(
        xlim=(0, 1.01), ylim=(0, 1.03), title=title, xlabel=f'recall\n{RESEARCH_USE}', ylabel='precision'
    )
    axes.grid(alpha=0.3)
    if curves:
        axes.legend(
            title='class (average precision)', loc='center left', bbox_to_anchor=(1.01, 0.5), fontsize=9
        )
    _save(figure, path)


def _save(figure: Figure, path: str | Path) -> None:
    content = io.BytesIO()
    figure.savefig(content, format='png', dpi=110)
    write_bytes(path, content.getvalue())
