"""Confusion matrices as files and pictures."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from unihema_mm.structures.results import RESEARCH_USE
from unihema_mm.utils.atomic import write_bytes, write_json


def write_confusion(path: str | Path, matrix: np.ndarray, classes: Sequence[str]) -> None:
    """Write a confusion matrix.

    Args:
        path: File; ``.csv`` gives a table with class names on both sides, any other ending JSON with the keys
            ``classes`` and ``matrix``.
        matrix: Counts (C, C); row: true class, column: predicted class.
        classes: The C class names.
    """
    if Path(path).suffix != '.csv':
        write_json(path, {'classes': list(classes), 'matrix': matrix.tolist()})
        return
    text = io.StringIO(newline='')
    writer = csv.writer(text)
    writer.writerow(['true class', *classes])
    writer.writerows([name, *row] for name, row in zip(classes, matrix.tolist(), strict=True))
    write_bytes(path, text.getvalue().encode())


def draw_confusion(path: str | Path, matrix: np.ndarray, classes: Sequence[str]) -> None:
    """Draw a confusion matrix as a PNG: counts as numbers, shares of the true class as colour.

    Args:
        path: The file.
        matrix: Counts (C, C); row: true class, column: predicted class. Classes without any count are left
            out.
        classes: The C class names.
    """
    # Here, because a run that draws nothing should not wait for it.
    from matplotlib.figure import Figure

    kept = np.flatnonzero(matrix.sum(axis=0) + matrix.sum(axis=1))
    counts = matrix[np.ix_(kept, kept)]
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    names = [classes[label] for label in kept]
    side = 2.5 + 0.55 * len(names)
    figure = Figure(figsize=(side + 1, side), layout='constrained')
    axes = figure.add_subplot()
    image = axes.imshow(shares, cmap='Blues', vmin=0, vmax=1)
    figure.colorbar(image, ax=axes, label='share of the true class', shrink=0.8)
    axes.set_xticks(range(len(names)), names, rotation=45, ha='right', rotation_mode='anchor')
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel(f'predicted class\n{RESEARCH_USE}')
    axes.set_ylabel('true class')
    for row, column in np.argwhere(counts):
        colour = 'white' if shares[row, column] > 0.5 else 'black'
        axes.text(column, row, counts[row, column], ha='center', va='center', color=colour, fontsize=9)
    content = io.BytesIO()
    figure.savefig(content, format='png', dpi=120)
    write_bytes(path, content.getvalue())
