"""A killed and resumed run ends with the weights of an unbroken one, bit by bit."""

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
import torch

from unihema_mm.utils.checkpoint import read_checkpoint

# Augmentation, dropout and denoising noise make each step random; two workers fetch ahead.
RANDOM = """
train_dataloader.update(num_workers=2, persistent_workers=True)
model.update(decoder=dict(layer_cfg=dict(ffn_cfg=dict(ffn_drop=0.1))))
default_hooks.update(checkpoint=dict(
    _delete_=True, type='SafeCheckpointHook', by_epoch=False, interval={interval}, max_keep_ckpts=2))
"""
ITERATIONS = """
train_cfg = dict(_delete_=True, type='IterBasedTrainLoop', max_iters=8, val_interval=100)
train_dataloader.update(sampler=dict(type='InfiniteSampler', shuffle=True))
log_processor = dict(by_epoch=False)
"""


def weights(path):
    return read_checkpoint(path)['state_dict']


def assert_equal(first, second):
    assert first.keys() == second.keys()
    different = [name for name in first if not torch.equal(first[name], second[name])]
    assert not different


@pytest.mark.parametrize('loop', ['epoch', 'iteration'])
def test_resume_in_the_middle(toy_config, call_tool, tmp_path, loop):
    """8 iterations; the second run starts from the checkpoint of iteration 6, in the second of two epochs."""
    extra = RANDOM.format(interval=3) + (ITERATIONS if loop == 'iteration' else '')
    config = toy_config(extra=extra)
    assert call_tool('train.py', config, '--work-dir', 'whole') == 0
    whole, resumed = tmp_path / 'whole', tmp_path / 'resumed'
    resumed.mkdir()
    shutil.copy(whole / 'iter_6.pth', resumed)
    (resumed / 'last_checkpoint').write_text('whole/iter_6.pth')
    assert call_tool('train.py', config, '--work-dir', 'resumed', '--resume') == 0
    assert_equal(weights(whole / 'iter_8.pth'), weights(resumed / 'iter_8.pth'))


def test_kill_and_resume(toy_config, run_tool, repo, tmp_path):
    """SIGKILL while the second of three epochs runs, then --resume."""
    extra = (
        RANDOM.format(interval=1).replace('by_epoch=False', 'by_epoch=True')
        + 'train_cfg.update(max_epochs=3)'
    )
    config = toy_config(extra=extra)
    environment = {
        **os.environ,
        'PYTHONPATH': str(repo),
        'CUDA_VISIBLE_DEVICES': '-1',
        'OMP_NUM_THREADS': '1',
    }
    command = [sys.executable, str(repo / 'tools/train.py'), str(config), '--work-dir', 'killed']
    run = subprocess.Popen(
        command,
        cwd=tmp_path,
        env=environment,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 120
        while not (tmp_path / 'killed' / 'last_checkpoint').exists():
            assert run.poll() is None and time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
    assert not (tmp_path / 'killed' / 'epoch_3.pth').exists()
    for arguments in (['--work-dir', 'killed', '--resume'], ['--work-dir', 'whole']):
        done = run_tool('train.py', config, *arguments)
        assert done.returncode == 0, done.stderr[-3000:]
    assert_equal(weights(tmp_path / 'whole/epoch_3.pth'), weights(tmp_path / 'killed/epoch_3.pth'))
