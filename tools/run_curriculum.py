"""Train and test all stages of a family: ``python tools/run_curriculum.py FAMILY --work-dir W``."""

import argparse
import signal
import sys
from functools import partial
from pathlib import Path

from unihema_mm.engine.curriculum import CurriculumOptions, run_curriculum
from unihema_mm.engine.launch import ConfigOptions
from unihema_mm.utils.errors import exit_on_input_error

TOOLS = Path(__file__).resolve().parent


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Train and test all stages of a family, and write W/report.md. A second call continues '
        'where the first one stopped; finished stages that have not changed stay as they are.'
    )
    parser.add_argument('family', type=Path, help='folder with stage1.py, stage2.py, ...')
    parser.add_argument('--work-dir', type=Path, required=True, help='folder of the stages and the report')
    parser.add_argument('--stages', type=int, nargs='+', metavar='K', help='only these stages')
    parser.add_argument(
        '--nproc',
        '--gpus',
        type=int,
        default=1,
        metavar='N',
        help='processes on this machine, one per GPU; without a GPU they use gloo',
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=ConfigOptions,
        metavar='KEY=VALUE',
        help='replace values of the config of every stage, e.g. stage.sets="[bccd]"',
    )
    args = parser.parse_args()
    if args.nproc < 1:
        parser.error(f'--nproc {args.nproc}: must be at least 1')
    return args


def main() -> None:
    args = parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    say = partial(print, flush=True)
    options = CurriculumOptions(TOOLS, args.stages, args.cfg_options, args.nproc, say)
    with exit_on_input_error():
        try:
            run_curriculum(args.family, args.work_dir, options)
        except KeyboardInterrupt:
            print('\ninterrupted; the same command continues', file=sys.stderr)
            sys.exit(130)
    print(f'report: {args.work_dir / "report.md"}. For research use only.')


if __name__ == '__main__':
    main()
