"""What the exit code of ``unihema`` means; see docs/how_to/command_line.md."""

from unihema_mm.utils.errors import EXIT_INPUT_ERROR as WRONG_INPUT

ALL_FINE = 0
SOME_FAILED = 1
UNEXPECTED = 70
INTERRUPTED = 130
BROKEN_PIPE = 141

__all__ = ['ALL_FINE', 'BROKEN_PIPE', 'INTERRUPTED', 'SOME_FAILED', 'UNEXPECTED', 'WRONG_INPUT']
