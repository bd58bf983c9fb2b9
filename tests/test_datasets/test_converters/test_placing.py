import errno
import os
import shutil

import pytest

from unihema_mm.datasets.converters.placing import disk_errors, place_bytes, place_image
from unihema_mm.datasets.schema import DataError
from unihema_mm.utils.errors import MissingFileError


def test_longest_name(tmp_path):
    name = 'é' * 125 + '.png'
    place_bytes(b'x', tmp_path / 'a' / name)
    place_image(tmp_path / 'a' / name, tmp_path / 'b' / name, 'copy')
    assert os.listdir(tmp_path / 'b') == [name]


def test_link_in_place_of_a_file_is_replaced_not_followed(tmp_path):
    (tmp_path / 'other').write_bytes(b'kept')
    (tmp_path / 'new').write_bytes(b'kept')
    for place in (place_bytes, lambda content, target: place_image(tmp_path / 'new', target, 'copy')):
        (tmp_path / 'target').unlink(missing_ok=True)
        (tmp_path / 'target').symlink_to(tmp_path / 'other')
        place(b'kept', tmp_path / 'target')
        assert not (tmp_path / 'target').is_symlink()


def test_other_bytes_of_the_same_size_and_time_are_copied(tmp_path):
    for name, content in (('a', b'old'), ('b', b'new')):
        (tmp_path / name).write_bytes(content)
        os.utime(tmp_path / name, ns=(10**18, 10**18))
        place_image(tmp_path / name, tmp_path / 'out' / 'image', 'copy')
        assert (tmp_path / 'out' / 'image').read_bytes() == content


def test_full_disk_leaves_nothing(tmp_path, monkeypatch):
    def fail(source, target):
        target.write_bytes(b'half')
        raise OSError(errno.ENOSPC, 'No space left on device', str(source), None, str(target))

    (tmp_path / 'a.png').write_bytes(b'x')
    monkeypatch.setattr(shutil, 'copy2', fail)
    message = (
        r'out/.b.png.part: file: path: cannot be read or written .No space left .*; make room on the disk'
    )
    with pytest.raises(DataError, match=message), disk_errors():
        place_image(tmp_path / 'a.png', tmp_path / 'out' / 'b.png', 'copy')
    assert not os.listdir(tmp_path / 'out')


def test_clear_errors_stay_as_they_are():
    with pytest.raises(MissingFileError, match=r'^clear$'), disk_errors():
        raise MissingFileError('clear')
