"""The main results of an evaluation in one table."""

from collections.abc import Iterator

from mmengine.evaluator import BaseMetric
from mmengine.runner import BaseLoop
from terminaltables import AsciiTable

from .evaluation_sets import EvaluationSet, evaluation_sets


def results_table(loop: BaseLoop, metrics: dict[str, float]) -> str:
    """Draw a table of the main metrics, one row per data set and metric.

    A metric class declares its main metrics as ``main_metrics``, a tuple of keys without prefix, and as
    ``full_score`` the value of a perfect result, by default 1; they are printed in percent of it. Where no
    metric of a data set declares any, all are printed as they are. Below a main metric follows the gain by
    the images, where the loop has it.

    Args:
        loop: The validation or test loop.
        metrics: What it returned.
    """
    rows = [['data set', 'samples', 'metric', 'value']]
    for part in evaluation_sets(loop):
        facts = [part.name or getattr(part.dataset, 'dataset_name', None) or '-', str(len(part.dataset))]
        rows += [[*facts, key, value] for key, value in _main_rows(part, metrics)]
    table = AsciiTable(rows)
    table.justify_columns = {1: 'right', 3: 'right'}
    return table.table


def _main_rows(part: EvaluationSet, metrics: dict[str, float]) -> Iterator[tuple[str, str]]:
    start = '' if part.name is None else f'{part.name}/'
    own = {key.removeprefix(start): value for key, value in metrics.items() if key.startswith(start)}
    declared = [metric for metric in part.evaluator.metrics if hasattr(metric, 'main_metrics')]
    if not declared:
        yield from ((key, f'{value:.4f}') for key, value in own.items())
    for metric in declared:
        percent = 100 / getattr(metric, 'full_score', 1)
        for key in _full_keys(part, metric):
            if key in own:
                yield key, f'{own[key] * percent:.1f} %' if own[key] >= 0 else '-'
            if f'image_gain_{key}' in own:
                yield f'image_gain_{key}', f'{own[f"image_gain_{key}"] * percent:+.1f} %'


def _full_keys(part: EvaluationSet, metric: BaseMetric) -> list[str]:
    """Main metrics with the prefix that they have in the results."""
    prefix = f'{metric.prefix}/' if metric.prefix and metric.prefix != part.left_out_prefix else ''
    return [f'{prefix}{key}' for key in metric.main_metrics]
