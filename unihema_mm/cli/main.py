"""``unihema COMMAND ...``: finds the command, and turns what ends it into an exit code."""

import argparse
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from signal import SIGTERM, default_int_handler, signal
from threading import current_thread, main_thread
from typing import NamedTuple

from unihema_mm.utils.errors import InputError
from unihema_mm.version import __version__

from . import ask, exit_codes, predict, report, serve
from .tools import run_tool

EPILOG = """\
examples:
  unihema data synthetic --out data/synthetic --num 200
  unihema predict smears/ --model published/stage6 --out predictions
  unihema ask smear.png "Is malaria seen?" --model published/stage6
  unihema report smears/ --model published/stage6 --out report --wbc-per-ul 8000
  unihema serve published/stage6

unihema COMMAND --help shows the options of a command, docs/how_to/command_line.md the whole.
For research use only. Not a medical device.
"""


class Command(NamedTuple):
    """A command of ``unihema``.

    Attributes:
        summary: One line for the list of commands.
        run: Takes the arguments behind the name, returns the exit code.
    """

    summary: str
    run: Callable[[Sequence[str]], int]


def _examine(arguments: Sequence[str]) -> int:
    from unihema_mm import doctor

    return doctor.main(list(arguments))


COMMANDS = {
    'predict': Command(predict.SUMMARY, predict.main),
    'ask': Command(ask.SUMMARY, ask.main),
    'report': Command(report.SUMMARY, report.main),
    'serve': Command(serve.SUMMARY, serve.main),
    'doctor': Command('show what is installed, what works, and how to mend the rest', _examine),
    'train': Command('train a model (tools/train.py)', partial(run_tool, 'train.py')),
    'test': Command('test a model on its data sets (tools/test.py)', partial(run_tool, 'test.py')),
    'curriculum': Command(
        'train and test all stages of a family (tools/run_curriculum.py)',
        partial(run_tool, 'run_curriculum.py'),
    ),
    'data': Command(
        'draw, convert and check data sets (tools/prepare_data.py)', partial(run_tool, 'prepare_data.py')
    ),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: Name of the command and what follows it, by default those of the process.

    Returns:
        Exit code, see :mod:`unihema_mm.cli.exit_codes`.
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    try:
        with _sigterm_as_interrupt():
            return _find(arguments).run(arguments[1:])
    except SystemExit as end:  # argparse, after --help or a wrong argument
        return end.code if isinstance(end.code, int) else exit_codes.ALL_FINE
    except KeyboardInterrupt:
        print('interrupted; repeat the command to go on', file=sys.stderr)
        return exit_codes.INTERRUPTED
    except BrokenPipeError:
        _drop_stdout()
        return exit_codes.BROKEN_PIPE
    except (InputError, OSError) as error:
        print(f'error: {error}', file=sys.stderr)
        return exit_codes.WRONG_INPUT
    except Exception:
        traceback.print_exc()
        return exit_codes.UNEXPECTED


def _find(arguments: Sequence[str]) -> Command:
    width = max(map(len, COMMANDS)) + 2
    lines = [f'  {name:<{width}}{command.summary}' for name, command in COMMANDS.items()]
    parser = argparse.ArgumentParser(
        prog='unihema',
        usage='unihema COMMAND ...',
        description='One model that reads blood smears.\n\ncommands:\n' + '\n'.join(lines),
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--version', action='version', version=f'unihema_mm {__version__}')
    parser.add_argument('command', metavar='COMMAND', choices=COMMANDS, help=argparse.SUPPRESS)
    return COMMANDS[parser.parse_args(arguments[:1]).command]


@contextmanager
def _sigterm_as_interrupt() -> Iterator[None]:
    """Let SIGTERM end a command as Ctrl-C does, so that files are closed."""
    if current_thread() is not main_thread():
        yield
        return
    before = signal(SIGTERM, default_int_handler)
    try:
        yield
    finally:
        signal(SIGTERM, before)


def _drop_stdout() -> None:
    """Let the flush at the end of the process go nowhere instead of to the closed pipe."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
