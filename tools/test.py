"""Test a checkpoint: ``python tools/test.py CONFIG CHECKPOINT``."""

import argparse
import os
from pathlib import Path

from unihema_mm.engine.console_runner import TestRunner
from unihema_mm.engine.data_paths import check_data_paths
from unihema_mm.engine.hooks import StrictLoadHook
from unihema_mm.engine.launch import LAUNCHERS, ConfigOptions, load_config, run_environment
from unihema_mm.engine.stages import apply_stage
from unihema_mm.engine.testing import (
    draw_predictions,
    dump_predictions,
    log_results,
    select_sets,
    use_tta,
    write_metrics,
)
from unihema_mm.utils.checkpoint import find_checkpoint
from unihema_mm.utils.errors import exit_on_input_error


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Test a checkpoint; the metrics also go to WORK_DIR/test_metrics.json.'
    )
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file (.pth or .safetensors)')
    parser.add_argument('--work-dir', help='folder of the metrics (default: work_dirs/<config stem>)')
    parser.add_argument('--sets', nargs='+', metavar='NAME', help='test only these data sets of the config')
    parser.add_argument(
        '--out',
        metavar='FILE.pkl',
        help='write the predictions to a pickle file, of several data sets to FILE_<name>.pkl',
    )
    parser.add_argument('--show', action='store_true', help='show the predictions in a window')
    parser.add_argument('--show-dir', metavar='DIR', help='draw the predictions to WORK_DIR/<time>/DIR')
    parser.add_argument('--wait-time', type=float, default=2, help='seconds per picture with --show')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=ConfigOptions,
        metavar='KEY=VALUE',
        help='replace values of the config, e.g. model.backbone.depth=101 or key="[a,b]"',
    )
    parser.add_argument('--launcher', choices=LAUNCHERS, default='none', help='starter of a distributed run')
    parser.add_argument('--tta', action='store_true', help='test-time augmentation')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.out is not None and Path(args.out).suffix not in ('.pkl', '.pickle'):
        parser.error(f'--out {args.out}: the name must end in .pkl or .pickle')
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    return args


def main() -> None:
    args = parse_args()
    with exit_on_input_error():
        cfg = load_config(args.config, args.cfg_options, args.work_dir, args.launcher)
        apply_stage(cfg)
        if args.sets:
            select_sets(cfg, args.sets)
        check_data_paths(cfg, ['test'])
        cfg.load_from = find_checkpoint(args.checkpoint)
        cfg.resume = False
        if args.show or args.show_dir:
            draw_predictions(cfg, show=args.show, wait_time=args.wait_time, folder=args.show_dir)
        if args.tta:
            use_tta(cfg)
        with run_environment(cfg):
            runner = TestRunner.from_cfg(cfg)
            runner.register_hook(StrictLoadHook())
            if args.out is not None:
                dump_predictions(runner, args.out)
            metrics = runner.test()
            write_metrics(metrics, cfg.work_dir)
            log_results(runner, metrics)


if __name__ == '__main__':
    main()
