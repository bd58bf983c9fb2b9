"""Options of a test run."""

from copy import deepcopy
from pathlib import Path

from mmdet.evaluation import DumpDetResults
from mmengine.config import Config, ConfigDict
from mmengine.dist import master_only
from mmengine.runner import Runner

from unihema_mm.utils.atomic import write_json
from unihema_mm.utils.errors import InputError

METRICS_FILE = 'test_metrics.json'


def draw_predictions(
    cfg: Config, show: bool = False, wait_time: float = 2.0, folder: str | None = None
) -> None:
    """Draw the predictions of the test run.

    Args:
        cfg: Config of the run, changed in place.
        show: Whether to open a window.
        wait_time: Seconds per picture in the window.
        folder: Folder of the pictures, below ``work_dir/<time>`` where it is relative; None for none.
    """
    hook = cfg.default_hooks.setdefault('visualization', dict(type='mmdet.DetVisualizationHook'))
    hook.update(draw=True, show=show, wait_time=wait_time)
    if folder is not None:
        hook.test_out_dir = folder


def use_tta(cfg: Config) -> None:
    """Test every image plain and mirrored, and merge the boxes by non-maximum suppression.

    The config may set ``tta_model`` and ``tta_pipeline`` itself.

    Args:
        cfg: Config of the run, changed in place.

    Raises:
        InputError: The test pipeline does not end in a ``PackDetInputs``.
    """
    dataset = cfg.test_dataloader.dataset
    while 'dataset' in dataset:
        dataset = dataset.dataset
    if 'tta_pipeline' not in cfg:
        pack = deepcopy(dataset.pipeline[-1])
        if not str(pack.type).endswith('PackDetInputs'):
            raise InputError(
                f'{cfg.filename}: --tta needs a test pipeline that ends in PackDetInputs, '
                f'not {pack.type}; or set tta_pipeline'
            )
        pack.meta_keys = (
            *pack.get('meta_keys', ('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor')),
            'flip',
            'flip_direction',
        )
        flips = [dict(type='mmdet.RandomFlip', prob=1.0), dict(type='mmdet.RandomFlip', prob=0.0)]
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


def dump_predictions(runner: Runner, path: str) -> None:
    """Let a runner write its test predictions to a pickle file, in mmdet's format."""
    runner.test_evaluator.metrics.append(DumpDetResults(out_file_path=path))


@master_only
def write_metrics(metrics: dict, work_dir: str) -> None:
    """Write the metrics of a test run to ``test_metrics.json`` in ``work_dir``."""
    write_json(Path(work_dir) / METRICS_FILE, {key: float(value) for key, value in metrics.items()})
