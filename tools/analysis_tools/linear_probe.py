"""Linear probe of the features: ``python tools/analysis_tools/linear_probe.py CONFIG CHECKPOINT``."""

import argparse
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from terminaltables import AsciiTable

from unihema_mm.engine.cell_features import build_cells, cell_features, check_same_classes
from unihema_mm.engine.chosen_sets import choose_set
from unihema_mm.engine.data_paths import check_data_paths
from unihema_mm.engine.launch import ConfigOptions, load_config, run_environment
from unihema_mm.engine.stages import apply_stage
from unihema_mm.evaluation.linear_probe import MAX_ITER, linear_probe
from unihema_mm.models import UniHema
from unihema_mm.models.tasks import CellClassificationTask
from unihema_mm.registry import MODELS
from unihema_mm.utils.atomic import write_json
from unihema_mm.utils.checkpoint import check_fit, find_checkpoint, load_from_safe
from unihema_mm.utils.errors import InputError, exit_on_input_error


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="The paper's test of classification: a logistic regression on the frozen features of the "
        'training images (lbfgs, C = classes x images / 100), scored on the test images. Both go through the '
        'pipeline of the test, without augmentation. The classes of the data may be others than those of the '
        'model.'
    )
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file (.pth or .safetensors)')
    parser.add_argument('--task', default='cls', metavar='KEY', help='task of the model (default: cls)')
    parser.add_argument('--train-set', metavar='NAME', help='training set (default: that of the task)')
    parser.add_argument('--test-set', metavar='NAME', help='test set (default: that of the task)')
    parser.add_argument('--standardise', action='store_true',
                        help="bring each feature to mean 0 and variance 1; not the paper's way")  # fmt: skip
    parser.add_argument('--max-iter', type=int, default=MAX_ITER, help='iterations (default: %(default)s)')
    parser.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    parser.add_argument('--out', type=Path, metavar='FILE.json', help='write the results to a JSON file')
    parser.add_argument('--cfg-options', nargs='+', action=ConfigOptions, metavar='KEY=VALUE',
                        help='replace values of the config')  # fmt: skip
    return parser.parse_args()


def build_model(cfg: Config, task: str) -> UniHema:
    """Model without weights, in which ``task`` classifies cells."""
    tasks = cfg.model.get('tasks') or {}
    if task not in tasks:
        raise InputError(
            f'{cfg.filename}: model.tasks: has no {task!r}, but {", ".join(tasks) or "no task"}; '
            'give the key of a CellClassificationTask with --task'
        )
    model = MODELS.build(cfg.model)
    if not isinstance(model.tasks[task], CellClassificationTask):
        raise InputError(
            f'{cfg.filename}: model.tasks: {task!r} is a {type(model.tasks[task]).__name__}, which has no '
            'feature of a cell; give the key of a CellClassificationTask with --task'
        )
    return model


def probe(args: argparse.Namespace, cfg: Config) -> dict:
    """Results and what they were measured on."""
    init_default_scope(cfg.default_scope)
    checkpoint = find_checkpoint(args.checkpoint)
    model = build_model(cfg, args.task)
    train = choose_set(cfg, 'train', args.task, args.train_set)
    test = choose_set(cfg, 'test', args.task, args.test_set)
    chosen = dict(train=train, test=test)
    check_data_paths(
        Config({f'{split}_dataloader': dict(dataset=part.datasets) for split, part in chosen.items()}), chosen
    )
    pipeline = test.datasets[0].get('pipeline', [])
    train_cells, test_cells = (build_cells(part.datasets, pipeline) for part in (train, test))
    check_same_classes([*train_cells.datasets, *test_cells.datasets])
    check_fit(model, load_from_safe(checkpoint, 'cpu'), checkpoint)
    model.to(args.device)
    train_data = cell_features(model, args.task, train_cells, test.loader, 'train')
    count = len(train_data[1].unique())
    if count < 2:
        raise InputError(
            f'{train_cells.datasets[0].ann_file}: class_name: all {len(train_cells)} images are of one '
            'class; give a training set of two or more'
        )
    test_data = cell_features(model, args.task, test_cells, test.loader, 'test')
    scores = linear_probe(*train_data, *test_data, args.standardise, args.max_iter)
    return dict(
        config=args.config,
        checkpoint=args.checkpoint,
        train_set=train.name,
        test_set=test.name,
        classes=count,
        train_images=len(train_cells),
        test_images=len(test_cells),
        dims=train_data[0].shape[1],
        standardise=args.standardise,
        **scores,
    )


def results_table(results: dict) -> str:
    """One table; scores in percent."""
    facts = ('train_images', 'test_images', 'classes', 'dims')
    scores = ('accuracy', 'macro_f1', 'weighted_f1')
    values = [str(results[key]) for key in facts] + [f'{100 * results[key]:.1f} %' for key in scores]
    table = AsciiTable([[key.replace('_', ' ') for key in (*facts, *scores)], values])
    table.justify_columns = dict.fromkeys(range(len(values)), 'right')
    return table.table


def main() -> None:
    args = parse_args()
    with exit_on_input_error():
        cfg = load_config(args.config, args.cfg_options)
        apply_stage(cfg)
        with run_environment(cfg):
            results = probe(args, cfg)
    print(results_table(results))
    if args.out is not None:
        write_json(args.out, results)


if __name__ == '__main__':
    main()
