"""``unihema ask``: questions on one image."""

import json
from collections.abc import Sequence
from pathlib import Path

from unihema_mm.utils.errors import InputError

from . import exit_codes
from .arguments import add_model, command_parser
from .prediction_run import load_inferencer
from .streams import stdout_for_results, tell

SUMMARY = 'answer questions on an image'
TASK = 'vqa'

EPILOG = """\
examples:
  unihema ask smear.png "Is malaria seen?" --model published/stage6
  unihema ask smear.png "How many white blood cells are there?" "Is malaria seen?" --model M --json

Answers go to standard output, one per line in the order of the questions; several have the question and
a tab before them. Each question is answered for itself; one without an answer has an empty line, and a note
on standard error. Exit code: 0 all fine, 1 the image cannot be read, 2 wrong arguments or input,
130 interrupted.
For research use only. Not a medical device.
"""


def main(arguments: Sequence[str]) -> int:
    """Run the command; see :func:`unihema_mm.cli.main.main`."""
    parser = command_parser('ask', SUMMARY, EPILOG)
    parser.add_argument('image', metavar='IMAGE', help='image file')
    parser.add_argument('questions', nargs='+', metavar='QUESTION', help='question on the image')
    add_model(parser)
    parser.add_argument('--json', action='store_true', help='the whole result as one line of JSON')
    args = parser.parse_args(arguments)
    with stdout_for_results() as write_line:
        if not Path(args.image).is_file():
            raise InputError(
                f'{args.image}: is no file; give one image, or ask about several with '
                'unihema predict --question'
            )
        inferencer = load_inferencer(args)
        (item,) = inferencer([args.image], tasks=(TASK,), questions=args.questions, progress=False)
        if args.json:
            write_line(json.dumps(item.to_dict()))
        if hasattr(item, 'error'):
            tell(f'failed: {item.error}')
            return exit_codes.SOME_FAILED
        if not args.json:
            for answer in item.answers:
                write_line(answer.answer if len(item.answers) == 1 else f'{answer.question}\t{answer.answer}')
                if not answer.answer.strip():
                    tell(f'the model gives no answer to {answer.question!r}')
    return exit_codes.ALL_FINE
