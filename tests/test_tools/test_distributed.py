"""Two processes with gloo, one of which sees images without objects only."""

import os
import socket

import pytest
import torch

DUMP = '''
import torch
from mmengine.hooks import Hook
from mmengine.registry import HOOKS


@HOOKS.register_module()
class DumpRank(Hook):
    """Write the weights of every rank, and what its images held."""

    objects = 0

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.objects += sum(len(sample.gt_instances) for sample in data_batch['data_samples'])

    def after_train(self, runner):
        content = dict(weights=runner.model.module.state_dict(), objects=self.objects, steps=runner.iter)
        torch.save(content, f'rank_{runner.rank}.pth')
'''
CONFIG = """
custom_imports = dict(imports=['dump_rank'])
custom_hooks += [dict(type='DumpRank')]
train_dataloader.update(sampler=dict(type='DefaultSampler', shuffle=False))
train_cfg.update(max_epochs=10, val_interval=10)
default_hooks['checkpoint'].update(interval=10)
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return str(probe.getsockname()[1])


def test_two_gloo_processes_end_with_equal_weights(toy_config, run_tool, tmp_path):
    """20 steps; the second process gets the odd images, which are empty."""
    (tmp_path / 'dump_rank.py').write_text(DUMP)
    config = toy_config(extra=CONFIG, objects=(2, 0, 3, 0, 1, 0, 4, 0))
    done = run_tool('dist_train.sh', config, 2, environment=dict(PORT=free_port()))
    assert done.returncode == 0, done.stderr[-3000:]
    first, second = (torch.load(tmp_path / f'rank_{rank}.pth') for rank in (0, 1))
    assert first['steps'] == second['steps'] == 20
    assert first['objects'] == 100 and second['objects'] == 0
    assert first['weights'].keys() == second['weights'].keys()
    different = [
        name for name, value in first['weights'].items() if not torch.equal(value, second['weights'][name])
    ]
    assert not different

    work_dir = tmp_path / 'work_dirs' / 'toy_config'
    done = run_tool('dist_test.sh', config, work_dir / 'epoch_10.pth', 2, environment=dict(PORT=free_port()))
    assert done.returncode == 0, done.stderr[-3000:]
    assert (work_dir / 'test_metrics.json').is_file()


@pytest.mark.parametrize(
    ('script', 'arguments'),
    [
        ('dist_train.sh', ['CONFIG', 1]),
        ('dist_test.sh', ['CONFIG', 'PTH', 1]),
        ('slurm_train.sh', ['PART', 'JOB', 'CONFIG', 'DIR']),
        ('slurm_test.sh', ['PART', 'JOB', 'CONFIG', 'PTH']),
    ],
)
def test_scripts_find_the_environment_of_make(run_tool, tmp_path, script, arguments):
    stubs = tmp_path / 'stubs'
    stubs.mkdir()
    programs = dict(
        python='exit 1',  # has no mmengine
        make=f'echo {stubs}/made',
        made='echo made "$@"',
        srun='echo "$@"',
    )
    for name, line in programs.items():
        (stubs / name).write_text(f'#!/bin/sh\n{line}\n')
        (stubs / name).chmod(0o755)
    environment = dict(PYTHON='', PATH=f'{stubs}:{os.environ["PATH"]}')
    done = run_tool(script, *arguments, environment=environment)
    assert done.returncode == 0, done.stderr
    assert 'made' in done.stdout and 'CONFIG' in done.stdout
