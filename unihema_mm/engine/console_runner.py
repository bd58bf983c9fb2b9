"""A Runner whose console shows the run."""

import logging
from pathlib import Path

from mmengine.dist import is_main_process
from mmengine.logging import MMLogger
from mmengine.runner import Runner

_LONG = ('Config:\n', 'Hooks will be executed in the following order:\n')


class ConsoleRunner(Runner):
    """mmengine's ``Runner``, which writes the config and the list of hooks to the log file only.

    They are hundreds of lines, among which an error of the user's input is hard to find.
    """

    def build_logger(self, *args, **kwargs) -> MMLogger:
        """Build the logger; see mmengine's ``Runner.build_logger``."""
        logger = super().build_logger(*args, **kwargs)
        for handler in logger.handlers:
            if not isinstance(handler, logging.FileHandler):
                handler.addFilter(_is_short)
        return logger


class TestRunner(ConsoleRunner):
    """Runner of a test, which leaves the config of the training beside the checkpoints as it is.

    Its own, with the sets and options of the test, goes to the folder of its log.
    """

    __test__ = False  # no test of pytest's

    def dump_config(self) -> None:
        """Write the config; see mmengine's ``Runner.dump_config``."""
        if is_main_process():
            self.cfg.dump(str(Path(self.log_dir) / Path(self.cfg.filename or 'config.py').name))


def _is_short(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith(_LONG)
