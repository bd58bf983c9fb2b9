"""Which metrics tell how good a task is done."""

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from statistics import fmean

import yaml

from unihema_mm.datasets.schema import TASKS

STAGE_SCORE = 'stage/score'


@cache
def shown_metrics() -> dict[str, dict[str, float]]:
    """Task -> key of a metric -> value of a perfect score; the main one first."""
    content = yaml.safe_load(Path(__file__).with_name('shown_metrics.yaml').read_text())
    return {task: content[task] for task in TASKS if task in content}


def percent_of(metrics: Mapping[str, float], task: str, name: str, key: str) -> float | None:
    """A metric of a data set in percent of a perfect score.

    Args:
        metrics: ``<name>/<key>`` -> value.
        task: Task of the set.
        name: Name of the set in the loop.
        key: Key of the metric.

    Returns:
        The percentage; None where the metric is absent or there was nothing to measure (a negative value of
        another metric than a gain).
    """
    value = metrics.get(f'{name}/{key}')
    full = shown_metrics().get(task, {}).get(key, 1)
    signed = key.startswith('image_gain_')
    return None if value is None or (value < 0 and not signed) else 100 * value / full


def stage_score(metrics: Mapping[str, float], tasks: Iterable[str], names: Iterable[str]) -> float | None:
    """One number for several tasks: the mean over tasks of the mean over sets of the main metric.

    Args:
        metrics: ``<name>/<key>`` -> value.
        tasks: The tasks that count.
        names: Names of the evaluated sets, ``<task>_<folder>``; sets of other tasks do not count.

    Returns:
        Percentage; None where nothing was measured. A task without any value is left out of the mean.
    """
    values: dict[str, list[float]] = {task: [] for task in tasks}
    for name in names:
        task = name.partition('_')[0]
        main = next(iter(shown_metrics().get(task, ())), None)
        if task in values and main is not None:
            value = percent_of(metrics, task, name, main)
            values[task] += [] if value is None else [value]
    means = [fmean(found) for found in values.values() if found]
    return fmean(means) if means else None
