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
        print(f'error: {error}', file=sys.stderr)
        sys.exit(EXIT_INPUT_ERROR)
