"""``unihema predict``: images to files that other programs read, or to JSON lines."""

import json
from collections.abc import Sequence

from .arguments import FORMATS, add_images, add_model, asked_by, command_parser, formats, read_inputs, share
from .prediction_run import PredictionRun, load_inferencer
from .streams import stdout_for_results, tell

SUMMARY = 'predict on images; write CSV, COCO, GeoJSON, overlays and more'

EPILOG = """\
examples:
  unihema predict smears/ --model published/stage6 --out predictions
  unihema predict smear.png --model published/stage6 --json --tasks det,morph
  unihema predict 'slides/**/*.tif' --model M --out out --tile 1024 --formats csv,geojson
  find smears -name '*.png' | unihema predict - --model M --json | jq -c '[.name, (.cells | length)]'

A run that was interrupted goes on when the command is repeated. Exit code: 0 all fine, 1 some images
failed and the others are written, 2 wrong arguments or input, 130 interrupted, 141 closed pipe.
For research use only. Not a medical device.
"""


def main(arguments: Sequence[str]) -> int:
    """Run the command; see :func:`unihema_mm.cli.main.main`."""
    parser = command_parser('predict', SUMMARY, EPILOG)
    add_images(parser)
    parser.add_argument(
        '--question', action='append', metavar='TEXT', help='question on each image, repeatable'
    )
    parser.add_argument(
        '--sentence', action='append', metavar='TEXT', help='sentence with gaps <extra_id_0>, ..., repeatable'
    )
    parser.add_argument(
        '--mask-score', type=share, default=0.0, metavar='S', help='least confidence of a mask (default: 0)'
    )
    add_model(parser)
    group = parser.add_argument_group('results')
    group.add_argument('--out', metavar='DIR', help='folder of the files')
    group.add_argument(
        '--formats',
        type=formats,
        default=('json', 'csv', 'overlay'),
        metavar='F,F',
        help=f'of {", ".join(FORMATS)} (default: json,csv,overlay)',
    )
    group.add_argument('--json', action='store_true', help='results as JSON lines on standard output')
    args = parser.parse_args(arguments)
    if not args.out and not args.json:
        parser.error('there is no place for the results; give --out DIR, --json, or both')
    asked = {
        **asked_by(args),
        'questions': args.question,
        'sentences': args.sentence,
        'mask_threshold': args.mask_score,
    }
    inputs = read_inputs(args.inputs)
    with stdout_for_results() as write_line:
        run = PredictionRun(load_inferencer(args), inputs, asked, args.batch_size)
        show = (lambda item: write_line(json.dumps(item.to_dict()))) if args.json else None
        run.write(args.out, args.formats, show)
    tell(run.summary() + (f'; files: {args.out}' if args.out else ''))
    return run.exit_code
