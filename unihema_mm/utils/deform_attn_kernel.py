"""Which implementation mmcv's deformable attention runs on a GPU."""

import logging

from mmcv.ops import get_compiling_cuda_version, multi_scale_deform_attn
from mmengine.logging import print_log


def use_torch_without_cuda_kernel() -> bool:
    """Let deformable attention run in pure torch where mmcv was built for the CPU only.

    mmcv asks whether torch sees a GPU, not whether its own kernel was compiled for
    one, and would fail on the first CUDA tensor. Slower and larger than the kernel,
    but it runs; said once.

    Returns:
        bool: Whether the pure-torch path was chosen for CUDA tensors.
    """
    if not multi_scale_deform_attn.IS_CUDA_AVAILABLE or get_compiling_cuda_version() != 'not available':
        return False
    multi_scale_deform_attn.IS_CUDA_AVAILABLE = False
    print_log(
        'mmcv was built without CUDA: deformable attention runs in pure torch on the GPU, several times '
        "slower; install nvcc of torch's CUDA version and build mmcv again",
        logger='current',
        level=logging.WARNING,
    )
    return True
