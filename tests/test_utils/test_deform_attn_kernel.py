"""Choice of the deformable-attention kernel; the GPU is simulated."""

import pytest
from mmcv.ops import multi_scale_deform_attn

from unihema_mm.utils import deform_attn_kernel
from unihema_mm.utils.deform_attn_kernel import use_torch_without_cuda_kernel


@pytest.mark.parametrize(
    ('gpu', 'compiled_for', 'fallback'),
    [(True, 'not available', True), (True, '13.0', False), (False, 'not available', False)],
)
def test_torch_only_where_the_kernel_is_missing(monkeypatch, gpu, compiled_for, fallback):
    monkeypatch.setattr(multi_scale_deform_attn, 'IS_CUDA_AVAILABLE', gpu)
    monkeypatch.setattr(deform_attn_kernel, 'get_compiling_cuda_version', lambda: compiled_for)
    assert use_torch_without_cuda_kernel() is fallback
    assert multi_scale_deform_attn.IS_CUDA_AVAILABLE is (gpu and not fallback)
    assert use_torch_without_cuda_kernel() is False  # said once
