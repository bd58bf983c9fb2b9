"""What all tasks have in common: their initialisation."""

import logging

import torch
from mmengine.logging import MMLogger

from unihema_mm.models.heads import CellClassHead


def test_tasks_do_not_change_the_start_of_the_rest(build_all_tasks):
    whole = build_all_tasks().state_dict()
    small = build_all_tasks(tasks=dict(_delete_=True, vqa=dict(
        type='TextGenerationTask', source='questions', target='answers'))).state_dict()  # fmt: skip
    assert not any(name.startswith('tasks.') for name in small)
    assert all(torch.equal(whole[name], value) for name, value in small.items())


def test_weights_are_initialised_and_listed_once(build_all_tasks, monkeypatch, tmp_path):
    calls = []
    original = CellClassHead.init_weights
    monkeypatch.setattr(CellClassHead, 'init_weights', lambda self: calls.append(1) or original(self))
    path = tmp_path / 'init.log'
    logger, handler = logging.Logger('init'), logging.FileHandler(path)
    logger.addHandler(handler)
    monkeypatch.setattr(MMLogger, 'get_current_instance', lambda: logger)
    model = build_all_tasks()
    handler.close()
    assert calls == [1]
    text = path.read_text()
    for name, param in model.named_parameters():
        assert text.count(f'\n{name} - {param.shape}: ') == 1, name
    assert text.count('Name of parameter - ') == 1
