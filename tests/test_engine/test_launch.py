"""From the command line to a config that a Runner takes."""

import pytest
from mmengine.config import Config

from unihema_mm.engine.launch import load_config, run_environment, use_amp, use_auto_scale_lr, use_resume
from unihema_mm.utils.errors import InputError


@pytest.fixture
def config(tmp_path):
    path = tmp_path / 'some_config.py'
    path.write_text(
        "model = dict(depth=50)\noptim_wrapper = dict(type='AmpOptimWrapper', loss_scale='dynamic')\n"
    )
    return str(path)


def test_load_config(config):
    cfg = load_config(config, {'model.depth': 101}, launcher='slurm')
    assert (cfg.model.depth, cfg.launcher, cfg.default_scope) == (101, 'slurm', 'unihema_mm')
    assert cfg.work_dir == 'work_dirs/some_config'
    assert load_config(config, {'work_dir': 'mine'}).work_dir == 'mine'
    assert load_config(config, {'work_dir': 'mine'}, work_dir='yours').work_dir == 'yours'


def test_broken_config(tmp_path):
    path = tmp_path / 'broken.py'
    path.write_text('model = dict(\n')
    with pytest.raises(InputError, match=r'broken\.py: config cannot be read') as error:
        load_config(str(path))
    assert '\n' not in str(error.value)


def test_amp_is_bfloat16(config):
    cfg = load_config(config)
    use_amp(cfg)
    assert dict(cfg.optim_wrapper) == dict(type='Bfloat16OptimWrapper')


def test_auto_scale_lr_needs_a_batch_size(config):
    cfg = load_config(config)
    with pytest.raises(InputError, match='base_batch_size'):
        use_auto_scale_lr(cfg)
    cfg.auto_scale_lr = dict(base_batch_size=16)
    use_auto_scale_lr(cfg)
    assert cfg.auto_scale_lr.enable


def test_resume_keeps_the_start_weights_where_there_is_nothing_to_resume(tmp_path):
    cfg = Config(dict(work_dir=str(tmp_path), load_from='coco.pth'))
    use_resume(cfg, 'auto')
    assert (cfg.resume, cfg.load_from) == (False, 'coco.pth')
    (tmp_path / 'last_checkpoint').write_text(str(tmp_path / 'epoch_1.pth'))
    (tmp_path / 'epoch_1.pth').touch()
    use_resume(cfg, 'auto')
    assert (cfg.resume, cfg.load_from) == (True, str(tmp_path / 'epoch_1.pth'))


@pytest.mark.parametrize('launcher', ['pytorch', 'slurm', 'mpi'])
def test_launcher_without_its_starter(config, launcher, monkeypatch):
    monkeypatch.setattr('torch.cuda.is_available', lambda: False)
    for name in ('RANK', 'SLURM_PROCID', 'OMPI_COMM_WORLD_RANK'):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(InputError, match=f'--launcher {launcher}: environment variable'):
        run_environment(load_config(config, launcher=launcher)).__enter__()
