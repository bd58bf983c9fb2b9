"""Train a model: ``python tools/train.py CONFIG``."""

import argparse
import os

from unihema_mm.engine.console_runner import ConsoleRunner
from unihema_mm.engine.data_paths import check_data_paths
from unihema_mm.engine.hooks.stage_start_hook import check_starts
from unihema_mm.engine.launch import (
    LAUNCHERS,
    ConfigOptions,
    load_config,
    run_environment,
    sole_training,
    use_amp,
    use_auto_scale_lr,
    use_resume,
)
from unihema_mm.engine.stages import apply_stage
from unihema_mm.utils.errors import exit_on_input_error


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Train a model.')
    parser.add_argument('config', help='config file')
    parser.add_argument(
        '--work-dir', help='folder of logs and checkpoints (default: work_dirs/<config stem>)'
    )
    parser.add_argument('--amp', action='store_true', help='mixed precision in bfloat16')
    parser.add_argument(
        '--auto-scale-lr', action='store_true', help='scale the learning rate with the batch size'
    )
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='PATH',
        help='continue from PATH, without PATH from the last checkpoint in the work folder',
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=ConfigOptions,
        metavar='KEY=VALUE',
        help='replace values of the config, e.g. model.backbone.depth=101 or key="[a,b]"',
    )
    parser.add_argument('--launcher', choices=LAUNCHERS, default='none', help='starter of a distributed run')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS)
    args = parser.parse_args()
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    return args


def main() -> None:
    args = parse_args()
    with exit_on_input_error():
        cfg = load_config(args.config, args.cfg_options, args.work_dir, args.launcher)
        apply_stage(cfg)
        if args.amp:
            use_amp(cfg)
        if args.auto_scale_lr:
            use_auto_scale_lr(cfg)
        use_resume(cfg, args.resume)
        check_data_paths(cfg, ['train', 'val'])
        if not cfg.get('resume'):
            check_starts(cfg)
        with sole_training(cfg), run_environment(cfg):
            ConsoleRunner.from_cfg(cfg).train()


if __name__ == '__main__':
    main()
