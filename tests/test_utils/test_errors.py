"""Errors that the user can mend."""

from types import SimpleNamespace

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


def test_the_line_is_written_in_one_piece(monkeypatch):
    pieces = []
    monkeypatch.setattr('sys.stderr', SimpleNamespace(write=pieces.append, flush=lambda: None))
    with pytest.raises(SystemExit), exit_on_input_error():
        raise InputError('a.png: image: is empty; copy it again')
    assert pieces == ['error: a.png: image: is empty; copy it again\n']
