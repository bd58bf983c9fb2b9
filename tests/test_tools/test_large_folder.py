"""tools/analysis_tools/large_folder.py: kills a run, continues it, and counts."""

import json
import runpy
import sys

import pytest

from ..test_apis.conftest import image_folder, work_folder

__all__ = ['image_folder', 'work_folder']


@pytest.fixture
def run(repo, work_folder, image_folder, tmp_path, monkeypatch):
    """Callable (*arguments) -> exit code."""
    given = [work_folder, image_folder, '--tasks', 'det', '--formats', 'csv', '--out', tmp_path / 'out']
    monkeypatch.setenv('PYTHONPATH', str(repo))
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '-1')

    def call(*arguments):
        monkeypatch.setattr(sys, 'argv', ['large_folder.py', *map(str, (*given, *arguments))])
        with pytest.raises(SystemExit) as end:
            runpy.run_path(str(repo / 'tools/analysis_tools/large_folder.py'), run_name='__main__')
        return end.value.code

    return call


def test_killed_and_continued(run, tmp_path, capsys):
    assert run('--number', 60, '--kill-at', 5, '--every', 10) == 0
    result = json.loads((tmp_path / 'out/large_folder.json').read_text())
    assert result['each_image_once'] is True
    assert (result['killed']['exit_code'], result['continued']['exit_code']) == (-9, 0)
    assert result['killed']['images'] >= 5
    assert result['killed']['images'] + result['continued']['images'] == 60
    assert result['continued']['resident'][-1]['resident_mib'] > 50
    assert 'each once with all its cells: yes' in capsys.readouterr().out
    assert run('--number', 60) == 2


def test_a_run_that_ends_by_itself_is_told(run):
    assert 'exit code 2' in run('--number', 3, '--tasks', 'grading')


def test_an_image_that_stands_twice_is_told(repo, tmp_path):
    tool = runpy.run_path(str(repo / 'tools/analysis_tools/large_folder.py'))
    (tmp_path / 'images.csv').write_text('image,note\na.png,x\na.png,x\n')
    assert tool['read_column'](tmp_path / 'images.csv', 'image') == ['a.png', 'a.png']
    (tmp_path / 'journal').write_bytes(b'{"name": "a"}\n{"na')
    assert tool['count_lines'](tmp_path / 'journal') == 1
    assert tool['count_lines'](tmp_path / 'absent') == 0
