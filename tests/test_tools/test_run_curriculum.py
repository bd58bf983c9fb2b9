"""All stages of a family by one command: finished, skipped, killed and continued."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
import torch

from unihema_mm.datasets.synthetic.corpus import generate_corpus
from unihema_mm.utils.checkpoint import read_checkpoint

COMMON = """
_base_ = {base!r}
stage_data = dict(root={root!r}, num_workers=0)
stage_data.update(cls=dict(batch_size=4), det=dict(batch_size=4))
model = dict(
    num_queries=20,
    backbone=dict(base_channels=32),
    encoder=dict(num_layers=1),
    decoder=dict(num_layers=2),
    text_encoder=dict(tokenizer={tokenizer!r}),
    dn_cfg=dict(group_cfg=dict(num_dn_queries=10)),
    test_cfg=dict(max_per_img=20),
)
default_hooks = dict(logger=dict(interval=1), checkpoint=dict(by_epoch=False, interval=1))
"""
STAGES = (
    """
stage = dict(
    number=1, name='cells', trains=['backbone', 'neck', 'tasks.cls'], tasks=dict(cls=2), steps=2,
    sets=['only_train'])
""",
    """
stage = dict(
    number=2, name='fields', trains=['decoder', 'bbox_head'], tasks=dict(det=1), tests=['cls', 'det'],
    steps=6, sets=['toy'], starts_from=[dict(stage=1)])
""",
)


@pytest.fixture
def family(repo, tiny_tokenizer, tmp_path):
    """Folder ``family`` with two stages of a very small model, on a corpus of a few images."""
    whole, part = tmp_path / 'data' / 'toy', tmp_path / 'data' / 'only_train'
    generate_corpus(whole, num=10, cells=10, progress=False)
    (part / 'annotations').mkdir(parents=True)
    (part / 'images').symlink_to(whole / 'images')
    shutil.copy(whole / 'annotations' / 'train.json', part / 'annotations')
    folder = tmp_path / 'family'
    folder.mkdir()
    common = COMMON.format(
        base=str(repo / 'configs/_base_/stages/uni_hema_tiny.py'),
        root=str(tmp_path / 'data'),
        tokenizer=str(tiny_tokenizer),
    )
    for number, stage in enumerate(STAGES, start=1):
        (folder / f'stage{number}.py').write_text(common + stage)
    return folder


@pytest.fixture(autouse=True)
def environment(repo, monkeypatch):
    """The same for all processes: another number of threads would give other last digits."""
    for name, value in dict(PYTHONPATH=str(repo), CUDA_VISIBLE_DEVICES='-1', OMP_NUM_THREADS='1').items():
        monkeypatch.setenv(name, value)


def weights(folder):
    return read_checkpoint(folder / 'iter_6.pth')['state_dict']


def test_killed_in_a_stage_it_ends_with_the_same_weights(family, repo, call_tool, run_tool, tmp_path, capfd):
    work = tmp_path / 'work'
    run = subprocess.Popen(
        [sys.executable, str(repo / 'tools' / 'run_curriculum.py'), str(family), '--work-dir', 'work'],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 200
        while not (work / 'stage2' / 'last_checkpoint').exists():
            assert run.poll() is None and time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        os.kill(run.pid, signal.SIGKILL)
        run.wait()
    time.sleep(0.5)  # of an orphan that would train on
    assert not (work / 'stage2' / 'iter_6.pth').exists()

    assert call_tool('run_curriculum.py', family, '--work-dir', 'work') == 0
    said = capfd.readouterr().out
    assert 'stage 1 of 2, cells: finished, nothing has changed' in said
    assert 'stage 2 of 2, fields: goes on from iter_' in said

    unbroken = run_tool('train.py', 'work/configs/stage2.py', '--work-dir', 'unbroken')
    assert unbroken.returncode == 0, unbroken.stderr[-3000:]
    first, second = weights(tmp_path / 'unbroken'), weights(work / 'stage2')
    assert first.keys() == second.keys()
    assert not [name for name in first if not torch.equal(first[name], second[name])]

    report = json.loads((work / 'report.json').read_text())
    assert [stage['runs'] for stage in report['stages']] == [1, 2]
    assert [row['set'] for row in report['every_task_after_every_stage']] == ['cls_toy', 'det_toy']
    assert report['stages'][1]['parameters']['decoder']['frozen'] == 0
    assert report['stages'][1]['started_from'][0]['sha256'] == report['stages'][0]['checkpoint_sha256']
    assert (work / 'stage2' / 'curves.png').exists()
