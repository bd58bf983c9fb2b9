"""Memory and time of the stages of a family: ``stage_cost.py FAMILY --work-dir W``."""

import argparse
from functools import partial
from pathlib import Path

from unihema_mm.engine.launch import ConfigOptions
from unihema_mm.engine.stage_cost import CostOptions, cost_table, measure_stages
from unihema_mm.utils.errors import exit_on_input_error

TOOLS = Path(__file__).resolve().parents[1]


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Train each stage of a family for a few steps from those before it, test it on one '
        'sample of each data set, and print what that takes as a Markdown table, sizes in GiB. All figures '
        'are in W/stage_cost.json.'
    )
    parser.add_argument('family', type=Path, help='folder with stage1.py, stage2.py, ...')
    parser.add_argument('--work-dir', type=Path, required=True, help='folder of the stages')
    parser.add_argument(
        '--stages', type=int, nargs='+', metavar='K', help='only these; earlier ones are there'
    )
    parser.add_argument(
        '--steps', type=int, default=2, help='training steps; the first is counted, the others timed'
    )
    parser.add_argument('--samples', type=int, metavar='N', help='samples of each task in a step (default: '
                        'those of the config)')  # fmt: skip
    parser.add_argument('--for-gpu', action='store_true', help='prepare an estimate for a GPU: images of the '
                        'largest size in training, and deformable attention that keeps what its CUDA kernel '
                        'keeps')  # fmt: skip
    parser.add_argument('--no-test', action='store_true', help='leave the test out')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=ConfigOptions,
        metavar='KEY=VALUE',
        help='replace values of the config of every stage',
    )
    args = parser.parse_args()
    for name, value in (('steps', args.steps), ('samples', args.samples)):
        if value is not None and value < 1:
            parser.error(f'--{name} {value}: must be at least 1')
    return args


def main() -> None:
    args = parse_args()
    options = CostOptions(
        TOOLS,
        args.stages,
        args.cfg_options,
        args.steps,
        args.samples,
        args.for_gpu,
        not args.no_test,
        partial(print, flush=True),
    )
    with exit_on_input_error():
        costs = measure_stages(args.family, args.work_dir, options)
    print(cost_table(costs))


if __name__ == '__main__':
    main()
