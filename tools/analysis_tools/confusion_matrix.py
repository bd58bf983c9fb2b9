"""Confusion matrix of predictions: ``python tools/analysis_tools/confusion_matrix.py CONFIG FILE.pkl``."""

import argparse
from pathlib import Path

import numpy as np
from mmengine.config import Config
from mmengine.registry import init_default_scope
from sklearn.metrics import confusion_matrix

from unihema_mm.engine.dumped_predictions import class_names, has_boxes, load_fields, load_predictions
from unihema_mm.engine.launch import ConfigOptions, load_config
from unihema_mm.engine.stages import apply_stage
from unihema_mm.evaluation.detection_curves import BACKGROUND, detection_confusion
from unihema_mm.evaluation.metrics.confusion_files import draw_confusion, write_confusion
from unihema_mm.utils.errors import exit_on_input_error


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Which class is taken for which: of detections, with the background as one more class, '
        'or of single-cell images. Writes confusion_matrix.png and confusion_matrix.csv.'
    )
    parser.add_argument('config', help='config file of the test')
    parser.add_argument('predictions', type=Path, help='file of tools/test.py --out; load only your own')
    parser.add_argument('--set', metavar='NAME', help='test set, where the config has several of its task')
    parser.add_argument('--out', type=Path, default=Path('work_dirs/confusion'), help='folder of the files')
    parser.add_argument('--score-thr', type=float, default=0.3, help='lowest score of a detection')
    parser.add_argument(
        '--iou-thr', type=float, default=0.5, help='smallest IoU of a detection with its cell'
    )
    parser.add_argument('--cfg-options', nargs='+', action=ConfigOptions, metavar='KEY=VALUE',
                        help='replace values of the config')  # fmt: skip
    return parser.parse_args()


def count(args: argparse.Namespace, cfg: Config) -> tuple[np.ndarray, list[str]]:
    """Matrix and names of its classes."""
    samples = load_predictions(args.predictions)
    if has_boxes(samples, args.predictions):
        fields, meta = load_fields(cfg, samples, args.predictions, args.set)
        classes = list(meta['classes'])
        return detection_confusion(fields, len(classes), args.score_thr, args.iou_thr), [*classes, BACKGROUND]
    classes = class_names(cfg, args.set)
    truth, predicted = ([int(sample[key]) for sample in samples] for key in ('gt_label', 'pred_label'))
    return confusion_matrix(truth, predicted, labels=range(len(classes))), classes


def main() -> None:
    args = parse_args()
    with exit_on_input_error():
        cfg = load_config(args.config, args.cfg_options)
        apply_stage(cfg)
        init_default_scope(cfg.default_scope)
        matrix, classes = count(args, cfg)
        write_confusion(args.out / 'confusion_matrix.csv', matrix, classes)
        draw_confusion(args.out / 'confusion_matrix.png', matrix, classes)
    print(f'{np.trace(matrix):,} of {matrix.sum():,} are right; see {args.out}/confusion_matrix.png')


if __name__ == '__main__':
    main()
