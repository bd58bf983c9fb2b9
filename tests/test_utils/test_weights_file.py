"""Weights that share memory, or lie strangely in it, keep their values in a file."""

import torch

from unihema_mm.utils.checkpoint import read_checkpoint
from unihema_mm.utils.weights_file import safetensors_bytes


def test_shared_and_strided_weights(tmp_path):
    table = torch.arange(6.0).reshape(2, 3)
    weights = dict(a=table, tied=table, turned=table.T, row=table[1], none=torch.zeros(0), half=table.half())
    (tmp_path / 'a.safetensors').write_bytes(safetensors_bytes(weights, dict(names=['x'])))
    read = read_checkpoint(tmp_path / 'a.safetensors')
    assert read['meta'] == dict(names=['x'])
    assert read['state_dict'].keys() == weights.keys()
    for name, value in weights.items():
        assert torch.equal(read['state_dict'][name], value) and read['state_dict'][name].dtype == value.dtype
    assert table.untyped_storage().data_ptr() == weights['tied'].untyped_storage().data_ptr()
    (tmp_path / 'a.safetensors').write_bytes(safetensors_bytes(weights))
    assert 'meta' not in read_checkpoint(tmp_path / 'a.safetensors')
