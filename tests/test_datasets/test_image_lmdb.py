import multiprocessing
import os
import sys

import pytest
from mmengine import fileio

from unihema_mm.datasets.image_lmdb import ImageLmdbBackend, import_lmdb
from unihema_mm.datasets.packing import pack_images
from unihema_mm.utils.errors import InputError


@pytest.fixture
def packed(document, write_data):
    """Data folder with its LMDB file, and the bytes of image a, which is gone from the folder."""
    root = write_data(document)
    pack_images(root)
    content = (root / 'images/a.png').read_bytes()
    (root / 'images/a.png').unlink()
    return root, content


def test_reads_what_was_packed(packed, monkeypatch):
    root, content = packed
    args = {'backend': 'image_lmdb', 'db_path': str(root / 'images.lmdb')}
    assert fileio.get(root / 'images/a.png', backend_args=args) == content
    monkeypatch.chdir(root)
    args = {'backend': 'image_lmdb', 'db_path': 'images.lmdb'}
    assert fileio.get('./images/../images/a.png', backend_args=args) == content


def test_folder_of_another_place(packed, tmp_path):
    root, content = packed
    moved = tmp_path / 'elsewhere.lmdb'
    os.replace(root / 'images.lmdb', moved)
    assert ImageLmdbBackend(str(moved), str(root)).get(root / 'images/a.png') == content


def test_absent_file_is_named(packed):
    root, _ = packed
    backend = ImageLmdbBackend(str(root / 'images.lmdb'))
    for name in ('images/none.png', '../a.png', f'{"long/" * 200}a.png'):
        with pytest.raises(FileNotFoundError, match=r'is not in .*images\.lmdb'):
            backend.get(root / name)


def test_missing_reads_prefixes(packed):
    root, _ = packed
    backend = ImageLmdbBackend(str(root / 'images.lmdb'))
    assert backend.missing(str(root), ['images/a.png', 'images/z.png']) == ['images/z.png']
    assert backend.missing(str(root / 'images'), ['a.png', 'z.png', 'images/a.png']) == [
        'z.png',
        'images/a.png',
    ]


@pytest.mark.parametrize('content', [None, b'', b'no database' * 1000])
def test_file_that_is_no_lmdb(tmp_path, content):
    path = tmp_path / 'images.lmdb'
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r'images\.lmdb: image_lmdb: .* make it with tools/prepare_data\.py'):
        ImageLmdbBackend(str(path)).get(tmp_path / 'a.png')


def test_lmdb_of_something_else(tmp_path):
    path = tmp_path / 'images.lmdb'
    with import_lmdb().open(str(path), subdir=False) as environment, environment.begin(write=True) as other:
        other.put(b'a.png', b'bytes')
    with pytest.raises(InputError, match='was not packed from a data folder'):
        ImageLmdbBackend(str(path)).get(tmp_path / 'a.png')


def test_without_the_package(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, 'lmdb', None)
    with pytest.raises(InputError, match='not installed; pip install lmdb'):
        ImageLmdbBackend(str(tmp_path / 'images.lmdb'))


@pytest.mark.parametrize('method', ['fork', 'spawn'])
def test_other_processes_open_it_themselves(packed, method):
    root, content = packed
    backend = ImageLmdbBackend(str(root / 'images.lmdb'))
    assert backend.get(root / 'images/a.png') == content
    with multiprocessing.get_context(method).Pool(1) as pool:
        assert pool.apply_async(backend.get, (root / 'images/a.png',)).get(60) == content
    assert backend.get(root / 'images/a.png') == content


def test_missing_in_the_current_folder(packed, monkeypatch):
    root, _ = packed
    monkeypatch.chdir(root)
    backend = ImageLmdbBackend('images.lmdb', '.')
    assert backend.missing('', ['images/a.png', 'images/z.png']) == ['images/z.png']
