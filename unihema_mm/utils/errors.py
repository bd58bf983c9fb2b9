"""Errors that the user can mend, shown as one line instead of a traceback."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

EXIT_INPUT_ERROR = 2


class InputError(ValueError):
    """Wrong input: the message is one line that names file, field and mend."""


class MissingFileError(InputError, FileNotFoundError):
    """A file or folder that does not exist or cannot be reached."""


@contextmanager
def exit_on_input_error(*more_errors: type[Exception]) -> Iterator[None]:
    """Print an :class:`InputError` as one line on stderr and exit with code 2.

    Args:
        more_errors: Further exception types that count as wrong input.
    """
    try:
        yield
    except (InputError, *more_errors) as error:
        # In one piece: the processes of a run share stderr, and their lines would run into each other.
        sys.stderr.write(f'error: {_message(error)}\n')
        sys.exit(EXIT_INPUT_ERROR)


def _message(error: Exception) -> str:
    """The message alone where torch's loader repeats an error of a worker with its traceback."""
    text = str(error)
    if not (text.startswith('Caught ') and '\nOriginal Traceback' in text):
        return text
    return text.rstrip().splitlines()[-1].partition(': ')[2]
