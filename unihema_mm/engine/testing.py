"""Options of a test run."""

from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path

from mmdet.evaluation import DumpDetResults
from mmengine.config import Config, ConfigDict
from mmengine.dist import master_only
from mmengine.logging import print_log
from mmengine.runner import Runner

from unihema_mm.engine.loops import evaluation_sets, results_table
from unihema_mm.engine.loops.named_configs import has_named_loaders
from unihema_mm.utils.atomic import write_json
from unihema_mm.utils.errors import InputError

METRICS_FILE = 'test_metrics.json'


def select_sets(cfg: Config, names: Sequence[str]) -> None:
    """Test only some of the data sets of a config.

    A gain whose other data set is left out is left out too.

    Args:
        cfg: Config of the run with named test loaders, changed in place.
        names: Names of the data sets.

    Raises:
        InputError: The config has a single test loader, or none of a name.
    """
    if not has_named_loaders(cfg.test_dataloader):
        raise InputError(f'{cfg.filename}: --sets needs several test data sets, but test_dataloader is one')
    for name in names:
        if name not in cfg.test_dataloader:
            raise InputError(
                f'--sets {name}: {cfg.filename} has no such test data set; '
                f'use some of {", ".join(cfg.test_dataloader)}'
            )
    for field in (cfg.test_dataloader, cfg.test_evaluator):
        for name in set(field) - set(names):
            field.pop(name)
    gains = cfg.test_cfg.get('gains') or {}
    for name in [name for name, baseline in gains.items() if not {name, baseline} <= set(names)]:
        gains.pop(name)


def draw_predictions(
    cfg: Config, show: bool = False, wait_time: float = 2.0, folder: str | None = None
) -> None:
    """Draw the predictions of the test run.

    With several data sets, each has a folder of its own below ``folder``, and those are drawn that have
    boxes or masks.

    Args:
        cfg: Config of the run, changed in place.
        show: Whether to open a window.
        wait_time: Seconds per picture in the window.
        folder: Folder of the pictures, below ``work_dir/<time>`` where it is relative; None for none.
    """
    hook = cfg.default_hooks.setdefault('visualization', dict(type='mmdet.DetVisualizationHook'))
    hook.update(draw=True, show=show, wait_time=wait_time)
    if has_named_loaders(cfg.test_dataloader):
        hook.type = 'SetVisualizationHook'
    if folder is not None:
        hook.test_out_dir = folder


def use_tta(cfg: Config) -> None:
    """Test every image plain and mirrored, and merge the boxes by non-maximum suppression.

    Boxes are all that is merged: masks and attributes of the data set are not predicted, and their metrics
    are left out. The config may set ``tta_model`` and ``tta_pipeline`` itself.

    Args:
        cfg: Config of the run, changed in place.

    Raises:
        InputError: The test pipeline does not end in ``PackSmearInputs`` or ``PackDetInputs``, there are
            several data sets, or the data set is not for boxes.
    """
    dataloader, evaluators, name = cfg.test_dataloader, cfg, 'test_evaluator'
    if has_named_loaders(dataloader):
        if len(dataloader) > 1:
            raise InputError(
                f'{cfg.filename}: --tta merges boxes and tests one data set; choose it among '
                f'{", ".join(dataloader)} with --sets'
            )
        evaluators, (name, dataloader) = cfg.test_evaluator, next(iter(dataloader.items()))
    dataset = dataloader.dataset
    while 'dataset' in dataset:
        dataset = dataset.dataset
    _choose_box_tasks(cfg, dataset)
    if name in evaluators:
        evaluators[name] = _box_metrics(evaluators[name], str(cfg.filename))
    if 'tta_pipeline' not in cfg:
        pack = deepcopy(dataset.pipeline[-1])
        if not str(pack.type).endswith(('PackSmearInputs', 'PackDetInputs')):
            raise InputError(
                f'{cfg.filename}: --tta needs a test pipeline that ends in PackSmearInputs, '
                f'not {pack.type}; or set tta_pipeline'
            )
        if 'meta_keys' in pack:  # by default the flip is among them
            pack.meta_keys = (*pack.meta_keys, 'flip', 'flip_direction')
        # The plain view first: the merged sample has its annotations.
        flips = [dict(type='mmdet.RandomFlip', prob=0.0), dict(type='mmdet.RandomFlip', prob=1.0)]
        cfg.tta_pipeline = [
            *dataset.pipeline[:-1],
            dict(type='mmdet.TestTimeAug', transforms=[flips, [pack]]),
        ]
    cfg.setdefault(
        'tta_model',
        dict(
            type='mmdet.DetTTAModel', tta_cfg=dict(nms=dict(type='nms', iou_threshold=0.5), max_per_img=100)
        ),
    )
    cfg.model = ConfigDict(**cfg.tta_model, module=cfg.model)
    dataset.pipeline = cfg.tta_pipeline


def _choose_box_tasks(cfg: Config, dataset: ConfigDict) -> None:
    """Let a data set ask for boxes alone, where the model has other tasks."""
    tasks = cfg.model.get('tasks') or {}
    for_boxes = {key for key, task in tasks.items() if str(task.get('type')).endswith('DetectionTask')}
    if not for_boxes or 'tasks' not in dataset:
        return
    chosen = tuple(task for task in dataset.tasks if task in for_boxes)
    if not chosen:
        raise InputError(
            f'{cfg.filename}: --tta merges boxes, but the tasks of the data set are '
            f'{", ".join(dataset.tasks)}; choose one for detection'
        )
    dataset.tasks = chosen


def _box_metrics(metrics: dict | list[dict], file: str) -> list[dict]:
    kept, left_out = [], []
    for metric in metrics if isinstance(metrics, list | tuple) else [metrics]:
        kinds = metric.get('metric')
        names = [kinds] if isinstance(kinds, str) else list(kinds or ())
        if 'bbox' in names:
            kept.append({**metric, 'metric': 'bbox'})
        left_out += [other for other in names if other != 'bbox'] or ([] if names else [metric['type']])
    if not kept:
        raise InputError(f'{file}: --tta merges boxes, but the test has no metric of boxes; leave it out')
    if left_out:
        print_log(f'--tta merges boxes alone; left out: {", ".join(map(str, left_out))}', 'current')
    return kept


def dump_predictions(runner: Runner, path: str) -> None:
    """Let a runner write its test predictions in mmdet's format.

    Args:
        runner: Runner of the test.
        path: Pickle file. With several data sets each has a file of its own, ``<stem>_<name><suffix>``.
    """
    file = Path(path)
    for part in evaluation_sets(runner.test_loop):
        out = file if part.name is None else file.with_stem(f'{file.stem}_{part.name}')
        part.evaluator.metrics.append(DumpDetResults(out_file_path=str(out)))


def log_results(runner: Runner, metrics: dict[str, float]) -> None:
    """Log the main metrics of a test as one table."""
    runner.logger.info('Results:\n' + results_table(runner.test_loop, metrics))


@master_only
def write_metrics(metrics: dict, work_dir: str) -> None:
    """Write the metrics of a test run to ``test_metrics.json`` in ``work_dir``."""
    write_json(Path(work_dir) / METRICS_FILE, {key: float(value) for key, value in metrics.items()})
