"""The environment's name follows what decides its content, and nothing else."""

import shutil
from pathlib import Path

import pytest

from tools.setup import layout

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def requirements(tmp_path):
    folder = tmp_path / 'clone' / 'requirements'
    shutil.copytree(REPOSITORY / 'requirements', folder)
    return folder


def test_two_clones_share_a_key_and_comments_do_not_matter(requirements):
    key = layout.environment_key(REPOSITORY / 'requirements', 'cpu')
    runtime = requirements / 'runtime.txt'
    runtime.write_text('# another comment\n\n' + runtime.read_text() + '\n\n')
    assert layout.environment_key(requirements, 'cpu') == key


@pytest.mark.parametrize('change', ['version', 'new line', 'moved to another file'])
def test_a_changed_requirement_changes_the_key(requirements, change):
    key = layout.environment_key(requirements, 'cpu')
    tested, runtime = requirements / 'tested.txt', requirements / 'runtime.txt'
    if change == 'version':
        tested.write_text(tested.read_text().replace('numpy==2.2.6', 'numpy==2.2.5'))
    elif change == 'new line':
        runtime.write_text(runtime.read_text() + 'einops\n')
    else:
        runtime.write_text(runtime.read_text().replace('tqdm\n', ''))
        (requirements / 'optional.txt').write_text((requirements / 'optional.txt').read_text() + 'tqdm\n')
    assert layout.environment_key(requirements, 'cpu') != key


def test_python_platform_and_kernels_are_in_the_key(requirements, monkeypatch):
    keys = {layout.environment_key(requirements, 'cpu'), layout.environment_key(requirements, 'cuda')}
    monkeypatch.setattr(layout, 'python_tag', lambda: 'cp399')
    keys.add(layout.environment_key(requirements, 'cpu'))
    monkeypatch.setattr(layout, 'platform_tag', lambda: 'linux-riscv64')
    keys.add(layout.environment_key(requirements, 'cpu'))
    assert len(keys) == 4


def test_folders_follow_the_environment_variables(tmp_path, monkeypatch):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    monkeypatch.delenv('UNIHEMA_ENV_DIR', raising=False)
    found = layout.find_layout()
    assert found.env == tmp_path / 'cache' / 'unihema_mm' / 'envs' / found.key and not found.custom
    assert found.lock.parent == found.env.parent
    monkeypatch.setenv('UNIHEMA_ENV_DIR', str(tmp_path / 'mine'))
    assert layout.find_layout().env == tmp_path / 'mine' and layout.find_layout().custom


def test_wheel_folder_names_torch_python_and_kernels(tmp_path):
    place = layout.Layout('key', tmp_path / 'env', tmp_path, custom=False)
    folders = {place.wheels('2.11.0', 'cpu'), place.wheels('2.11.0', 'cuda'), place.wheels('2.12.0', 'cpu')}
    assert len(folders) == 3
    assert layout.python_tag() in place.wheels('2.11.0', 'cpu').name


def test_pinned_version_names_file_and_line_where_a_pin_is_missing(requirements):
    assert layout.pinned_version(requirements, 'torch') == '2.11.0'
    with pytest.raises(ValueError, match=r'tested\.txt: no line "absent==VERSION"'):
        layout.pinned_version(requirements, 'absent')


def test_kernels_can_be_chosen_and_a_wrong_choice_is_refused(monkeypatch):
    monkeypatch.setenv('UNIHEMA_KERNELS', 'cuda')
    assert layout.wanted_kernels() == 'cuda'
    monkeypatch.setenv('UNIHEMA_KERNELS', 'gpu')
    with pytest.raises(ValueError, match='UNIHEMA_KERNELS=gpu: expected cpu or cuda'):
        layout.wanted_kernels()


def test_a_gpu_without_nvcc_gives_cpu_kernels(monkeypatch):
    monkeypatch.delenv('UNIHEMA_KERNELS', raising=False)
    monkeypatch.setattr(layout, 'has_gpu', lambda: True)
    monkeypatch.setattr(layout, 'nvcc_path', lambda: None)
    assert layout.wanted_kernels() == 'cpu'
    monkeypatch.setattr(layout, 'nvcc_path', lambda: '/usr/local/cuda/bin/nvcc')
    assert layout.wanted_kernels() == 'cuda'
