"""``unihema serve``: the local web page."""

import os
import sys
import warnings
from collections.abc import Sequence

from unihema_mm.utils.errors import InputError

from . import exit_codes
from .arguments import add_model_details, command_parser, share
from .streams import NOISE

SUMMARY = 'show a model on a local web page'
PASSWORD = 'UNIHEMA_PASSWORD'

EPILOG = f"""\
examples:
  unihema serve published/stage6
  unihema serve published/stage6 --samples smears/ --port 8000
  {PASSWORD}=... unihema serve M --host 192.168.1.20 --user lab --allow-host smears.lab.example

The page is bound to this machine unless --host says otherwise; docs/how_to/web_page.md tells what to mind
then. Ctrl-C ends it.
For research use only. Not a medical device.
"""


def main(arguments: Sequence[str]) -> int:
    """Run the command; see :func:`unihema_mm.cli.main.main`."""
    parser = command_parser('serve', SUMMARY, EPILOG)
    parser.add_argument('model', metavar='MODEL', help='as --model of unihema predict')
    add_model_details(parser)
    parser.add_argument('--host', default='127.0.0.1', help='address to bind to (default: 127.0.0.1)')
    parser.add_argument('--port', type=int, default=7860, help='port, 0 for any free one (default: 7860)')
    parser.add_argument('--samples', metavar='DIR', help='folder of sample pictures (default: drawn ones)')
    parser.add_argument('--score', type=share, default=0.3, metavar='S', help='threshold at the start')
    parser.add_argument('--user', metavar='NAME', help=f'ask for a login; its password is in {PASSWORD}')
    parser.add_argument(
        '--allow-host', action='append', default=[], metavar='NAME', help='name of the page, repeatable'
    )
    for name, unit, what in (
        ('max-file-mb', 'MB', 'largest uploaded file'),
        ('max-megapixels', 'N', 'largest picture'),
        ('max-seconds', 'S', 'longest time of one picture or question'),
    ):
        parser.add_argument(f'--{name}', type=float, metavar=unit, help=what)
    args = parser.parse_args(arguments)
    login = None
    if args.user is not None:
        if not os.environ.get(PASSWORD):
            raise InputError(f'--user: the environment variable {PASSWORD} is empty; put the password there')
        login = (args.user, os.environ[PASSWORD])

    from unihema_mm.web import PageOptions, serve

    limits = {name: getattr(args, name) for name in ('max_file_mb', 'max_megapixels', 'max_seconds')}
    options = PageOptions(
        samples=args.samples,
        score=args.score,
        login=login,
        allowed_hosts=tuple(args.allow_host),
        **{name: value for name, value in limits.items() if value is not None},
    )
    model = args.model
    with warnings.catch_warnings():
        warnings.filterwarnings('ignore', message=NOISE)
        if args.download:
            from unihema_mm.apis import UniHemaInferencer

            model = UniHemaInferencer(model, args.config, args.device, download=True)
        is_computing = serve(model, args.host, args.port, options, args.config, args.device)
    if is_computing:  # the files are gone, and nobody waits for the result any more
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(exit_codes.ALL_FINE)
    return exit_codes.ALL_FINE
