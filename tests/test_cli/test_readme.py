"""What the README and the demo show runs as it stands, on a small model and other pictures."""

import re
import shlex
import sys
from pathlib import Path

import pytest

from unihema_mm.cli.main import COMMANDS


@pytest.fixture
def section(repo) -> str:
    """The part of the README that the demo's model is for."""
    text = (repo / 'README.md').read_text(encoding='utf-8')
    return text.partition('## From a checkpoint to answers\n')[2].partition('\n## ')[0]


@pytest.fixture
def demo(tmp_path, monkeypatch, image_folder, work_folder) -> Path:
    """Working directory with what ``make demo`` leaves."""
    folder = tmp_path / 'clone/work_dirs/demo'
    folder.mkdir(parents=True)
    (folder / 'published').symlink_to(work_folder)
    image_folder.rename(folder / 'pictures')
    (folder / 'pictures/field_000180.jpg').symlink_to('a.png')
    monkeypatch.chdir(tmp_path / 'clone')
    return folder


def test_python(section, demo, capsys):
    (block,) = re.findall(r'```python\n(.*?)```', section, re.DOTALL)
    assert len(block.splitlines()) == 10
    (demo / 'pictures/bad.png').write_bytes(b'')
    exec(compile(block.replace("seen?')", "seen?', score_threshold=0.0)"), 'README.md', 'exec'), {})
    out = capsys.readouterr().out
    assert re.search(r'^b/a\.png \d+ cells; ', out, re.MULTILINE) and 'failed: ' in out
    assert re.search(r'^  (RBC|WBC|platelet) 0\.\d\d \(', out, re.MULTILINE)


def test_commands(section, demo, unihema, monkeypatch):
    monkeypatch.setattr(pytest.importorskip('unihema_mm.web'), 'serve', lambda *arguments: None)
    commands = [shlex.split(line) for line in re.findall(r'^    unihema (.*)', section, re.MULTILINE)]
    assert [command[0] for command in commands] == ['predict', 'ask', 'report', 'serve']
    for command in commands:
        code, out, err = unihema(*command)
        assert code == 0, err
        assert bool(out) == (command[0] == 'ask')
    assert Path('work_dirs/predictions/overlay/a.png.png').is_file()
    assert Path('work_dirs/report/report.html').is_file()


def test_commands_of_the_page_on_the_command_line(repo):
    text = (repo / 'docs/how_to/command_line.md').read_text(encoding='utf-8')
    assert {*re.findall(r'unihema ([a-z]+) ', text)} <= {*COMMANDS}
    assert all(f'`{name}`' in text or f'`unihema {name}' in text for name in COMMANDS)


def test_demo(repo, tmp_path, monkeypatch, capsys):
    """Its commands fit together; the programs themselves are tested elsewhere."""
    import runpy

    calls = []

    def note(command):
        calls.append(command[1:])
        if 'tools/train.py' in command:
            (tmp_path / 'demo/last_checkpoint').write_text('demo/epoch_4.pth')
        if 'tools/test.py' in command:
            (tmp_path / 'demo/1/overlays').mkdir(parents=True)
        return type('Done', (), dict(returncode=0))

    (tmp_path / 'demo/predictions').mkdir(parents=True)
    annotations = tmp_path / 'data/synthetic/annotations'
    annotations.mkdir(parents=True)
    images = '{"file_name": "f.jpg", "tasks": ["det"]}, {"file_name": "c.jpg", "tasks": ["cls"]}'
    (annotations / 'test.json').write_text(f'{{"images": [{images}]}}')
    (annotations.parent / 'f.jpg').touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr('subprocess.run', note)
    monkeypatch.setattr(sys, 'argv', ['demo.py', '--work-dir', 'demo', '--epochs', '1'])
    runpy.run_path(str(repo / 'tools/demo.py'), run_name='__main__')
    assert [call[0] for call in calls[:4]] == [
        'tools/prepare_data.py', 'tools/train.py', 'tools/test.py', 'tools/model_converters/publish.py',
    ]  # fmt: skip
    assert '--resume' in calls[1] and calls[1][-2:] == ['--cfg-options', 'train_cfg.max_epochs=1']
    assert [call[:3] for call in calls[4:]] == [
        ['-m', 'unihema_mm', name] for name in ('predict', 'ask', 'report')
    ]
    assert [path.name for path in (tmp_path / 'demo/pictures').iterdir()] == ['f.jpg']
    assert not (tmp_path / 'demo/predictions').exists()
    assert '$ unihema ask demo/pictures/f.jpg "' in capsys.readouterr().out
