"""The losses that a stage has logged."""

import json
from pathlib import Path


def read_losses(folder: Path) -> list[dict[str, float]]:
    """Read the logged training steps of a work folder, of all its runs.

    A run that was interrupted and continued has logged some steps twice: the later ones count.

    Returns:
        The lines in the order of their ``step``.
    """
    lines: dict[int, dict[str, float]] = {}
    for path in sorted(folder.glob('*/vis_data/scalars.json')):
        for line in path.read_text().splitlines():
            try:
                values = json.loads(line)
            except json.JSONDecodeError:  # the run was killed while it wrote
                continue
            if 'loss' in values:
                lines[values['step']] = values
    return [lines[step] for step in sorted(lines)]


def loss_names(lines: list[dict[str, float]]) -> list[str]:
    """``'loss'``, and the sums of the tasks, such as ``'det.loss'``."""
    names = dict.fromkeys(name for line in lines for name in line if name.endswith('.loss'))
    return ['loss', *sorted(names)]
