"""What is done in the folder of a stage."""

import pytest

from unihema_mm.engine.curriculum.stage_folder import StageFolder
from unihema_mm.utils.file_hash import file_sha256

FINGERPRINT = dict(config=dict(model='1'), code={'a.py': '2'}, data={}, starts={})


@pytest.fixture
def folder(tmp_path):
    """A stage that is finished."""
    folder = StageFolder(tmp_path / 'stage1')
    folder.begin(FINGERPRINT)
    checkpoint = folder.path / 'iter_2.pth'
    checkpoint.write_bytes(b'weights')
    folder.write_result(dict(checkpoint=checkpoint.name, checkpoint_sha256=file_sha256(checkpoint)))
    return folder


def test_nothing_has_changed(folder):
    assert folder.changes(FINGERPRINT) == []
    assert folder.result()['checkpoint'] == 'iter_2.pth'


def test_folder_that_does_not_exist_or_is_empty(tmp_path):
    folder = StageFolder(tmp_path / 'stage1')
    assert folder.changes(FINGERPRINT) == [] and folder.result() is None and folder.spent() == {}
    folder.path.mkdir()
    (folder.path / '.fingerprint.json.x.tmp').write_text('half')
    assert folder.changes(FINGERPRINT) == []
    folder.begin(FINGERPRINT)
    assert [path.name for path in folder.path.iterdir()] == ['fingerprint.json']


def test_begun_and_not_finished(tmp_path):
    folder = StageFolder(tmp_path / 'stage1')
    folder.begin(FINGERPRINT)
    assert folder.changes(FINGERPRINT) == [] and folder.result() is None
    assert folder.changes({**FINGERPRINT, 'code': {'a.py': '3'}}) == ['code (a.py)']


def test_changed(folder):
    assert folder.changes({**FINGERPRINT, 'data': {'x.json': '3'}}) == ['data (x.json)']
    (folder.path / 'iter_2.pth').write_bytes(b'other')
    assert folder.changes(FINGERPRINT) == ['its checkpoint (iter_2.pth)']
    (folder.path / 'iter_2.pth').unlink()
    assert folder.changes(FINGERPRINT) == ['its checkpoint (iter_2.pth)']


def test_made_by_something_else(folder):
    (folder.path / 'fingerprint.json').unlink()
    assert folder.changes(FINGERPRINT) == ['the folder, which no curriculum has made']


def test_moved_aside(folder, tmp_path):
    assert folder.move_aside() == tmp_path / 'stage1.1'
    folder.begin(FINGERPRINT)
    assert folder.move_aside() == tmp_path / 'stage1.2'
    assert (tmp_path / 'stage1.1' / 'iter_2.pth').read_bytes() == b'weights'
    assert not folder.path.exists()
