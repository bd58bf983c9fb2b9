"""The metrics of the data sets that a stage has evaluated."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from mmengine.config import Config

from unihema_mm.datasets.schema import read_document
from unihema_mm.engine.data_paths import dataset_configs
from unihema_mm.engine.stages.stage_loaders import TEXT_ONLY
from unihema_mm.evaluation.shown_metrics import percent_of, shown_metrics


class EvaluatedSet(NamedTuple):
    """A test loader.

    Attributes:
        name: Its name, ``<task>_<folder>``.
        task: Task.
        folder: Name of the data folder.
        dataset: Name of the data set in its annotation file.
    """

    name: str
    task: str
    folder: str
    dataset: str


def evaluated_sets(cfg: Config) -> list[EvaluatedSet]:
    """Test loaders of a stage; those without images are left out.

    Args:
        cfg: Config after :func:`~unihema_mm.engine.stages.apply_stage`.
    """
    loaders = cfg.get('test_dataloader') or {}
    return [_read(name, loader) for name, loader in loaders.items() if not _is_baseline(name, loaders)]


def _is_baseline(name: str, loaders: Mapping) -> bool:
    return name.endswith(TEXT_ONLY) and name.removesuffix(TEXT_ONLY) in loaders


def _read(name: str, loader: Mapping) -> EvaluatedSet:
    task, _, folder = name.partition('_')
    dataset = next(dataset_configs(loader['dataset']))
    info = read_document(str(Path(dataset['data_root'], dataset['ann_file']))).get('info') or {}
    return EvaluatedSet(name, task, folder, str(info.get('dataset') or folder))


def percent(metrics: Mapping[str, float], item: EvaluatedSet, key: str) -> float | None:
    """A metric of a set in percent; None where it is absent or there was nothing to measure.

    Args:
        metrics: Metrics of a test.
        item: The set.
        key: Key of the metric without the name of the set.
    """
    return percent_of(metrics, item.task, item.name, key)


def keys_of(task: str, metrics: Sequence[str], name: str) -> list[str]:
    """Keys of a task that are shown; all that a set has where the task declares none."""
    known = shown_metrics().get(task)
    if known:
        return [key for key in known if f'{name}/{key}' in metrics]
    return [key.removeprefix(f'{name}/') for key in metrics if key.startswith(f'{name}/')]
