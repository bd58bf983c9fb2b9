"""What goes to standard output, and what does not."""

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout

# Of a library, about itself; the user can do nothing about it.
NOISE = 'torch.meshgrid: in an upcoming release'


@contextmanager
def stdout_for_results() -> Iterator[Callable[[str], None]]:
    """Keep standard output for results; what else is printed meanwhile goes to standard error.

    Yields:
        Writes a line at once, so that the next program of a pipe sees each result when it is there.
    """
    stdout = sys.stdout

    def write_line(line: str) -> None:
        encoding = stdout.encoding or 'utf-8'
        stdout.write(line.encode(encoding, 'backslashreplace').decode(encoding) + '\n')
        stdout.flush()

    with redirect_stdout(sys.stderr), warnings.catch_warnings():
        warnings.filterwarnings('ignore', message=NOISE)
        yield write_line


def tell(line: str) -> None:
    """Print a message on standard error, above a progress bar where there is one."""
    from tqdm import tqdm

    tqdm.write(line, file=sys.stderr)
