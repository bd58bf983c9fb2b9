"""``unihema report``: counts in clinical units, of a folder of images or of written predictions."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from unihema_mm.utils.errors import InputError

from . import exit_codes
from .arguments import add_images, add_model, asked_by, command_parser, read_inputs, share
from .prediction_run import PredictionRun, load_inferencer
from .saved_predictions import saved_predictions, saved_settings
from .streams import stdout_for_results, tell

SUMMARY = 'write a report in clinical units with the cells behind each number'
PREDICTIONS = 'predictions'
OF_PREDICTION = ('tasks', 'prompt', 'score', 'max_cells', 'tile', 'tile_overlap')
# What a report counts; other tasks would take time for nothing.
TASKS = ('det', 'morph')

EPILOG = """\
examples:
  unihema report smears/ --model published/stage6 --out report
  unihema report smears/ --model published/stage6 --out report --wbc-per-ul 8000
  unihema report slides/ --model M --out report --wbc-per-ul slide1=7200 --wbc-per-ul slide2=5400
  unihema report predictions/ --out report         # what unihema predict --formats json has written

Each folder of images is a slide. DIR gets report.html, report.csv, report.json, cells.csv and, in
predictions/, one JSON file per image: with them a run that was interrupted goes on when the command is
repeated. Exit code: 0 all fine, 1 some images failed and the others are counted, 2 wrong arguments or
input, 130 interrupted.
For research use only. Not a medical device.
"""


def main(arguments: Sequence[str]) -> int:
    """Run the command; see :func:`unihema_mm.cli.main.main`."""
    args = _parse(arguments)
    per_ul = {name: _per_ul(f'--{name}-per-ul', getattr(args, f'{name}_per_ul')) for name in ('wbc', 'rbc')}
    inputs = read_inputs(args.inputs)
    out = Path(args.out)
    with stdout_for_results():
        from unihema_mm.apis.reports import ReportOptions, write_report

        fields = {'title': args.title, 'slide': args.slide, 'identify': args.identify,
                  'border': args.border, 'gametocytes': args.gametocytes or None,
                  'wbc_per_ul': per_ul['wbc'], 'rbc_per_ul': per_ul['rbc']}  # fmt: skip
        given = {name: value for name, value in fields.items() if value is not None}
        ReportOptions(**given)  # wrong ones are told before the model works
        folder = out / PREDICTIONS
        if args.model is not None:
            tell(_predict(args, inputs, folder).summary())
        elif isinstance(inputs, str):
            folder = Path(inputs)
        else:
            raise InputError('--model: is not given; give it, or one folder that unihema predict has written')
        settings = saved_settings(folder)
        options = ReportOptions(**given, model=settings.get('model'), model_hash=settings.get('model_sha256'))
        failed = 0

        def counted():
            nonlocal failed
            for item in saved_predictions(folder):
                failed += hasattr(item, 'error')
                yield item

        page = write_report(counted(), out, options)
    tell(f'report: {page}')
    return exit_codes.SOME_FAILED if failed else exit_codes.ALL_FINE


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = command_parser('report', SUMMARY, EPILOG)
    add_images(parser)
    add_model(parser, required=False)
    group = parser.add_argument_group('report')
    group.add_argument('--out', metavar='DIR', required=True, help='folder of the report')
    for kind, cells in (('wbc', 'white'), ('rbc', 'red')):
        group.add_argument(
            f'--{kind}-per-ul',
            action='append',
            metavar='[SLIDE=]N',
            help=f'{cells} cells per microlitre of the patient, of all slides or of one; repeatable',
        )
    group.add_argument('--title', metavar='TEXT', help='heading')
    group.add_argument('--slide', metavar='NAME', help='all images are of this slide')
    group.add_argument(
        '--identify',
        type=share,
        metavar='S',
        help="cells below it are 'not identifiable' (default: 0.5)",
    )
    group.add_argument(
        '--border', choices=('unbiased', 'all', 'inside'), help='cells that touch an edge (default: unbiased)'
    )
    group.add_argument('--gametocytes', action='store_true', help='gametocytes count in the parasitaemia')
    args = parser.parse_args(arguments)
    ignored = [name for name in OF_PREDICTION if getattr(args, name) != parser.get_default(name)]
    if args.model is None and ignored:
        parser.error(f'--{ignored[0].replace("_", "-")} is for predicting; give --model, or leave it out')
    return args


def _predict(args: argparse.Namespace, inputs: str | list[str], folder: Path) -> PredictionRun:
    inferencer = load_inferencer(args)
    tasks = args.tasks or tuple(task for task in TASKS if task in inferencer.tasks) or None
    run = PredictionRun(inferencer, inputs, {**asked_by(args), 'tasks': tasks}, args.batch_size)
    run.write(folder, ['json'])
    return run


def _per_ul(option: str, given: Sequence[str] | None) -> float | dict[str, float] | None:
    """One number for all slides, or slide -> number."""
    if not given:
        return None
    values: dict[str, float] = {}
    for text in given:
        slide, sign, number = text.rpartition('=')
        try:
            values[slide if sign else ''] = float(number)
        except ValueError:
            raise InputError(f'{option}: is {text!r}; give a number such as 8000, or SLIDE=8000') from None
    if '' not in values:
        return values
    if len(given) > 1:
        raise InputError(f'{option}: give one number for all slides, or SLIDE=N for each')
    return values['']
