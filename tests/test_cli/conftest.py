"""The small model and images of the API's tests, and the command line in this process."""

import pytest

from unihema_mm.cli.main import main

from ..test_apis.conftest import image_folder, work_folder

__all__ = ['image_folder', 'work_folder']


@pytest.fixture
def unihema(capsys):
    """Callable (*arguments) -> exit code, standard output, standard error."""

    def call(*arguments):
        code = main([str(argument) for argument in arguments])
        return code, *capsys.readouterr()

    return call
