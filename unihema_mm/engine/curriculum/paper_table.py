"""Results in the layout of the paper's Table 1, beside its own figures."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from .evaluated import EvaluatedSet, percent


@cache
def paper_results() -> dict[str, Any]:
    """Content of ``paper_table.yaml``: ``source`` and ``groups`` of rows."""
    return yaml.safe_load(Path(__file__).with_name('paper_table.yaml').read_text())


def result_groups(sets: Sequence[EvaluatedSet], metrics: Mapping[str, float]) -> list[dict[str, Any]]:
    """Sort results into the groups of the table.

    Args:
        sets: Evaluated sets.
        metrics: Metrics of the test.

    Returns:
        Per group ``title``, ``note``, ``models`` (whose figures the paper has), and ``rows``: ``name``,
        ``ours`` (percent or None) and ``paper`` (a value or None per model). First the rows of the paper,
        then the evaluated sets that it does not have. A group without evaluated sets is there too.
    """
    return [_group(group, sets, metrics) for group in paper_results()['groups']]


def _group(group: Mapping, sets: Sequence[EvaluatedSet], metrics: Mapping[str, float]) -> dict[str, Any]:
    own = [item for item in sets if item.task in group['tasks']]
    rows, used = [], set()
    for row in group['rows']:
        matches = [item for item in own if {item.dataset, item.folder} & set(row['sets'])]
        used.update(item.name for item in matches)
        for item in matches or [None]:
            several = f' ({item.name})' if len(matches) > 1 else ''
            ours = None if item is None else percent(metrics, item, group['metric'])
            rows.append(dict(name=row['row'] + several, ours=ours, paper=row['paper']))
    nothing = [None] * len(group['models'])
    rows += [
        dict(name=item.name, ours=percent(metrics, item, group['metric']), paper=nothing)
        for item in own
        if item.name not in used
    ]
    return dict(title=group['title'], note=group.get('note'), models=group['models'], rows=rows)
