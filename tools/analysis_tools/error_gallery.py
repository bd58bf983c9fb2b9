"""Pictures of a detector's errors: ``python tools/analysis_tools/error_gallery.py CONFIG FILE.pkl``."""

import argparse
from collections import Counter
from pathlib import Path

from mmengine.registry import init_default_scope

from unihema_mm.engine.dumped_predictions import has_boxes, load_fields, load_predictions
from unihema_mm.engine.launch import ConfigOptions, load_config
from unihema_mm.engine.stages import apply_stage
from unihema_mm.evaluation.detection_errors import KINDS, find_errors
from unihema_mm.utils.errors import InputError, exit_on_input_error
from unihema_mm.visualization.error_gallery import INDEX, write_gallery


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Cut-outs of false positives, false negatives, confused cells and cells with a wrong '
        'attribute, the most confident first: a sheet per class, and index.html with all of them.'
    )
    parser.add_argument('config', help='config file of the test')
    parser.add_argument('predictions', type=Path, help='file of tools/test.py --out; load only your own')
    parser.add_argument('--set', metavar='NAME', help='test set, where the config has several of task det')
    parser.add_argument('--out', type=Path, default=Path('work_dirs/errors'), help='folder of the files')
    parser.add_argument('--per-kind', type=int, default=12, help='most cut-outs per class and kind of error')
    parser.add_argument('--score-thr', type=float, default=0.3, help='lowest score of a detection')
    parser.add_argument(
        '--iou-thr', type=float, default=0.5, help='smallest IoU of a detection with its cell'
    )
    parser.add_argument('--cfg-options', nargs='+', action=ConfigOptions, metavar='KEY=VALUE',
                        help='replace values of the config')  # fmt: skip
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    with exit_on_input_error():
        cfg = load_config(args.config, args.cfg_options)
        apply_stage(cfg)
        init_default_scope(cfg.default_scope)
        samples = load_predictions(args.predictions)
        if not has_boxes(samples, args.predictions):
            raise InputError(f'{args.predictions}: has no detections; use confusion_matrix.py for classes')
        fields, meta = load_fields(cfg, samples, args.predictions, args.set)
        errors = find_errors(fields, meta['classes'], meta.get('attributes'), args.score_thr, args.iou_thr)
        facts = (
            f'{len(fields):,} images of {args.predictions.name}; detections with a score of at least '
            f'{args.score_thr:g}, matched at an IoU of at least {args.iou_thr:g}.'
        )
        write_gallery(args.out, errors, facts, args.per_kind)
    counts = Counter(error.kind for error in errors)
    print(', '.join(f'{kind}: {counts[kind]:,}' for kind in KINDS) + f'; see {args.out / INDEX}')


if __name__ == '__main__':
    main()
