"""Errors that the user can mend."""

import pytest
from torch.utils.data import DataLoader

from unihema_mm.utils.errors import EXIT_INPUT_ERROR, InputError, exit_on_input_error


class Faulty(list):
    def __getitem__(self, index):
        try:
            raise KeyError('cause')
        except KeyError as error:
            raise InputError('a.png: image: is empty; copy it again') from error


@pytest.mark.parametrize('workers', [0, 1])
def test_one_line_also_from_a_loader_process(capsys, workers):
    with pytest.raises(SystemExit) as stop, exit_on_input_error():
        next(iter(DataLoader(Faulty([0]), num_workers=workers)))
    assert stop.value.code == EXIT_INPUT_ERROR
    assert capsys.readouterr().err == 'error: a.png: image: is empty; copy it again\n'
