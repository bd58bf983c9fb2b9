"""Checkpoints are read without running code, whoever asks mmengine to read them."""

import os
import pickle

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner import load_checkpoint
from mmengine.runner.checkpoint import CheckpointLoader, _load_checkpoint, load_from_local
from safetensors.torch import save_file
from torch import nn

from unihema_mm.utils.checkpoint import (
    check_fit,
    enable_safe_checkpoints,
    find_resume_checkpoint,
    load_from_safe,
    read_checkpoint,
)
from unihema_mm.utils.errors import InputError


class _TouchFile:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


class _StatisticsCall:
    """Tries to fetch an attribute that is no statistics method through the pickled getattr."""

    def __reduce__(self):
        return getattr, (HistoryBuffer, '__init__')


@pytest.fixture
def safe_loader(monkeypatch):
    monkeypatch.setattr(CheckpointLoader, '_schemes', dict(CheckpointLoader._schemes))
    enable_safe_checkpoints()


@pytest.mark.parametrize(
    'writer', [torch.save, lambda content, path: path.write_bytes(pickle.dumps(content, 2))]
)
def test_code_in_a_checkpoint_does_not_run(safe_loader, tmp_path, writer):
    bait, path = tmp_path / 'bait', tmp_path / 'evil.pth'
    writer({'state_dict': {}, 'meta': _TouchFile(bait)}, path)
    for read in (
        read_checkpoint,
        _load_checkpoint,
        lambda name: load_checkpoint(torch.nn.Linear(1, 1), name),
    ):
        with pytest.raises(InputError, match=r'evil\.pth: refused, it names .*mkdir'):
            read(str(path))
        assert not bait.exists()
    writer({'meta': _StatisticsCall()}, path)
    with pytest.raises(InputError, match='getattr') as error:
        read_checkpoint(path)
    assert '\n' not in str(error.value)


def test_mmengine_alone_runs_it(tmp_path):
    """The hole this module closes; when mmengine closes it, this test may go."""
    bait, path = tmp_path / 'bait', tmp_path / 'evil.pth'
    torch.save({'meta': _TouchFile(bait)}, path)
    load_from_local(str(path), 'cpu')
    assert bait.exists()


def test_everything_that_mmengine_stores_is_read(tmp_path):
    history = HistoryBuffer([1.0, 2.0], [1, 1])
    content = {
        'state_dict': {'weight': torch.arange(3.0)},
        'message_hub': {'log_scalars': {'loss': history}, 'runtime_info': {'best': np.float64(0.5)}},
        'meta': {'dataset_meta': {'classes': ('a', 'b'), 'palette': np.array([[1, 2, 3]], np.uint8)}},
        'optimizer': {
            'state': {0: {'step': torch.tensor(1.0)}},
            'param_groups': [{'lr': 0.1, 'betas': (0.9, 1)}],
        },
    }
    torch.save(content, tmp_path / 'old.pth')
    read = read_checkpoint(tmp_path / 'old.pth')
    assert read['message_hub']['log_scalars']['loss'].statistics('mean') == 1.5
    assert read['message_hub']['runtime_info']['best'] == 0.5
    assert read['meta']['dataset_meta']['palette'].tolist() == [[1, 2, 3]]


def test_numpy_1_module_names_are_understood(tmp_path):
    path = tmp_path / 'numpy1.pth'
    content = {'best': np.float64(0.5), 'array': np.arange(3.0)}
    torch.save(content, path, _use_new_zipfile_serialization=False)
    path.write_bytes(path.read_bytes().replace(b'numpy._core.multiarray', b'numpy.core.multiarray'))
    read = read_checkpoint(path)
    assert read['best'] == 0.5 and read['array'].tolist() == [0, 1, 2]


def test_safetensors(safe_loader, tmp_path):
    model = torch.nn.Linear(2, 1)
    save_file(
        {name: torch.ones_like(value) for name, value in model.state_dict().items()},
        tmp_path / 'm.safetensors',
    )
    load_checkpoint(model, str(tmp_path / 'm.safetensors'))
    assert model.weight.tolist() == [[1, 1]]


@pytest.mark.parametrize('name', ['cut.pth', 'cut.safetensors', 'text.pth', 'empty.pth'])
def test_damaged_files_give_one_line(tmp_path, name):
    path = tmp_path / name
    if name == 'cut.pth':
        torch.save({'a': torch.zeros(1000)}, path)
        path.write_bytes(path.read_bytes()[:2000])
    elif name == 'cut.safetensors':
        save_file({'a': torch.zeros(1000)}, path)
        path.write_bytes(path.read_bytes()[:2000])
    else:
        path.write_text('weights' if name == 'text.pth' else '')
    with pytest.raises(InputError) as error:
        read_checkpoint(path)
    assert name in str(error.value) and '\n' not in str(error.value)


def test_absent_file_and_unknown_scheme(safe_loader, tmp_path):
    with pytest.raises(InputError, match='checkpoint not found'):
        _load_checkpoint(str(tmp_path / 'absent.pth'))
    with pytest.raises(InputError, match='s3:// is not supported'):
        _load_checkpoint('s3://bucket/model.pth')


def test_find_resume_checkpoint(tmp_path):
    assert find_resume_checkpoint(tmp_path) is None
    pointer = tmp_path / 'last_checkpoint'
    pointer.write_text('/old/place/epoch_1.pth')
    with pytest.raises(InputError, match='last_checkpoint'):
        find_resume_checkpoint(tmp_path)
    (tmp_path / 'epoch_1.pth').touch()
    assert find_resume_checkpoint(tmp_path) == str(tmp_path / 'epoch_1.pth')
    pointer.write_text('')
    with pytest.raises(InputError, match='no file'):
        find_resume_checkpoint(tmp_path)


def test_check_fit():
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    weights = {f'module.{name}': value for name, value in model.state_dict().items() if 'num_b' not in name}
    check_fit(model, {'state_dict': weights}, 'a.pth')
    weights['module.0.weight'] = torch.zeros(5, 2)
    del weights['module.1.bias']
    weights |= {f'head.{number}': torch.zeros(1) for number in range(4)}
    with pytest.raises(InputError) as error:
        check_fit(model, weights, 'a.pth')
    assert str(error.value) == (
        'a.pth: does not fit the model, weights: 1 missing (1.bias); 4 unexpected (head.0, head.1, head.2, '
        '...); 1 of another shape (0.weight); test with the config it was trained with'
    )
    with pytest.raises(InputError, match=r'a\.pth: weights cannot be loaded'):
        check_fit(model, {**model.state_dict(), '0.weight': 'text'}, 'a.pth')


def test_a_checkpoint_is_a_dictionary(tmp_path):
    torch.save([torch.zeros(1)], tmp_path / 'list.pth')
    with pytest.raises(InputError, match=r'list\.pth: holds a list'):
        read_checkpoint(tmp_path / 'list.pth')


def test_code_that_mmengine_would_run_on_a_resume_is_left_out(tmp_path):
    torch.save({'meta': {'config': 'import os', 'epoch': 1}, 'state_dict': {}}, tmp_path / 'a.pth')
    assert read_checkpoint(tmp_path / 'a.pth')['meta'] == {'epoch': 1}


def test_meta_of_safetensors(tmp_path):
    path = tmp_path / 'm.safetensors'
    save_file({'a': torch.zeros(1)}, path, metadata={'meta': '{"label_spaces": {}}', 'format': 'pt'})
    assert read_checkpoint(path)['meta'] == {'label_spaces': {}}
    save_file({'a': torch.zeros(1)}, path, metadata={'meta': '{"label'})
    with pytest.raises(InputError, match=r'm\.safetensors: checkpoint cannot be read'):
        read_checkpoint(path)


def test_files_of_one_name_at_two_addresses_are_two(tmp_path, monkeypatch):
    """Published weights are always model.safetensors; those of a model zoo have a hash in their name."""
    served, asked = {'a': 1.0, 'b': 2.0}, []

    def download(url, target):
        asked.append(url)
        save_file({'w': torch.tensor(served[url.split('/')[-2]])}, target)

    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, 'download_url_to_file', download)
    for name in 'abab':
        found = load_from_safe(f'https://host/{name}/model.safetensors')
        assert found['state_dict']['w'] == served[name]
    assert asked == ['https://host/a/model.safetensors', 'https://host/b/model.safetensors']
    assert all(path.suffix == '.safetensors' for path in (tmp_path / 'checkpoints').iterdir())
    load_from_safe('https://zoo/a/dino-01234abc.safetensors')
    assert (tmp_path / 'checkpoints' / 'dino-01234abc.safetensors').is_file()
