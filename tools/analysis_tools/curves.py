"""Curves of a training or of predictions: ``python tools/analysis_tools/curves.py training WORK_DIR``."""

import argparse
from pathlib import Path

import numpy as np
from mmengine.registry import init_default_scope
from sklearn.metrics import average_precision_score, precision_recall_curve

from unihema_mm.engine.dumped_predictions import class_names, has_boxes, load_fields, load_predictions
from unihema_mm.engine.launch import ConfigOptions, load_config
from unihema_mm.engine.stages import apply_stage
from unihema_mm.evaluation.detection_curves import precision_recall
from unihema_mm.utils.errors import exit_on_input_error
from unihema_mm.visualization.curves import draw_curves, draw_precision_recall, read_scalars, split_scalars


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Draw curves as PNG files.')
    commands = parser.add_subparsers(required=True, metavar='training | precision-recall')
    training = commands.add_parser('training', help='losses, metrics and rates over the steps')
    training.add_argument('work_dir', type=Path, help='work folder of tools/train.py')
    training.add_argument(
        '--metrics',
        nargs='+',
        metavar='PATTERN',
        help="metrics to draw, such as 'det/*AP50' (default: the main ones of each task)",
    )
    training.set_defaults(draw=draw_training)
    recall = commands.add_parser('precision-recall', help='precision over recall of each class')
    recall.add_argument('config', help='config file of the test')
    recall.add_argument('predictions', type=Path, help='file of tools/test.py --out; load only your own')
    recall.add_argument('--set', metavar='NAME', help='test set, where the config has several of its task')
    recall.add_argument(
        '--iou-thr', type=float, default=0.5, help='smallest IoU of a detection with its cell'
    )
    recall.add_argument('--cfg-options', nargs='+', action=ConfigOptions, metavar='KEY=VALUE',
                        help='replace values of the config')  # fmt: skip
    recall.set_defaults(draw=draw_recall)
    for command in (training, recall):
        command.add_argument('--out', type=Path, default=Path('work_dirs/curves'), help='folder of the files')
    return parser.parse_args()


def draw_training(args: argparse.Namespace) -> list[Path]:
    """Files with the curves of a training."""
    files = []
    for name, curves in split_scalars(read_scalars(args.work_dir), args.metrics).items():
        if curves:
            files.append(args.out / f'training_{name}.png')
            draw_curves(files[-1], curves, f'{name} of {args.work_dir.name}')
    return files


def draw_recall(args: argparse.Namespace) -> list[Path]:
    """File with the curves of the classes."""
    cfg = load_config(args.config, args.cfg_options)
    apply_stage(cfg)
    init_default_scope(cfg.default_scope)
    samples = load_predictions(args.predictions)
    if has_boxes(samples, args.predictions):
        fields, meta = load_fields(cfg, samples, args.predictions, args.set)
        curves = precision_recall(fields, meta['classes'], args.iou_thr)
        title = f'Detections of {args.predictions.name}, IoU {args.iou_thr:g}'
    else:
        classes = class_names(cfg, args.set)
        truth = np.array([int(sample['gt_label']) for sample in samples])
        scores = np.stack([sample['pred_scores'].numpy() for sample in samples])
        curves = {
            name: (
                *precision_recall_curve(truth == label, scores[:, label])[:2],
                average_precision_score(truth == label, scores[:, label]),
            )
            for label, name in enumerate(classes)
            if (truth == label).any()
        }
        title = f'Classes of {args.predictions.name}, each against the others'
    file = args.out / 'precision_recall.png'
    draw_precision_recall(file, curves, title)
    return [file]


def main() -> None:
    args = parse_args()
    with exit_on_input_error():
        files = args.draw(args)
    print('\n'.join(map(str, files)))


if __name__ == '__main__':
    main()
