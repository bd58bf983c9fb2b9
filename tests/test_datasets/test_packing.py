import numpy as np
import pytest

from unihema_mm.datasets import packing
from unihema_mm.datasets.image_lmdb import MARK, import_lmdb
from unihema_mm.datasets.packing import pack_images
from unihema_mm.datasets.schema import DataError
from unihema_mm.utils.errors import InputError


def content_of(path):
    lmdb = import_lmdb().open(str(path), subdir=False, readonly=True, lock=False)
    with lmdb as environment, environment.begin() as transaction:
        return {key.decode(): bytes(value) for key, value in transaction.cursor() if key != MARK}


def test_holds_images_and_masks_of_all_splits_byte_by_byte(document, write_data, write_image):
    document['images'][0]['mask_file'] = 'masks/a.png'
    document['images'][1]['masks'] = [{'prompt': 'x', 'file': 'masks/b.png'}]
    root = write_data(document)
    write_image(root / 'masks/a.png')
    write_image(root / 'masks/b.png')
    write_image(root / 'images/not named.png')
    document['images'] = [{'id': 9, 'file_name': 'images/ü.png', 'width': 4, 'height': 4}]
    document['annotations'] = []
    write_data(document, 'test')
    summary = pack_images(root)
    names = ['images/a.png', 'images/b.png', 'images/c.png', 'images/ü.png', 'masks/a.png', 'masks/b.png']
    found = content_of(root / 'images.lmdb')
    assert found == {name: (root / name).read_bytes() for name in names}
    assert (summary.path, summary.files) == (root / 'images.lmdb', 6)
    assert summary.bytes == sum(map(len, found.values()))
    assert {path.name for path in root.iterdir()} == {'annotations', 'images', 'masks', 'images.lmdb'}


def test_more_than_one_commit_and_large_files(document, write_data, monkeypatch):
    monkeypatch.setattr(packing, '_FILES_PER_COMMIT', 2)
    root = write_data(document)
    noise = np.random.default_rng(0).bytes(3_000_000)
    for name in 'abc':
        (root / f'images/{name}.png').write_bytes(noise)
    pack_images(root)
    assert list(content_of(root / 'images.lmdb').values()) == [noise] * 3


def test_again_replaces(document, write_data, tmp_path):
    root = write_data(document)
    out = tmp_path / 'new/packed.lmdb'
    pack_images(root, out)
    (root / 'images/a.png').write_bytes(b'other')
    pack_images(root, out)
    assert content_of(out)['images/a.png'] == b'other'
    assert [path.name for path in out.parent.iterdir()] == ['packed.lmdb']


def test_interrupted_leaves_the_old_file(document, write_data, monkeypatch):
    root = write_data(document)
    pack_images(root)
    before = (root / 'images.lmdb').read_bytes()
    monkeypatch.setattr(packing, '_put', _interrupt)
    with pytest.raises(KeyboardInterrupt):
        pack_images(root)
    assert (root / 'images.lmdb').read_bytes() == before
    assert {path.name for path in root.iterdir()} == {'annotations', 'images', 'images.lmdb'}


def test_leftover_of_a_killed_run_is_replaced(document, write_data):
    root = write_data(document)
    (root / '.images.lmdb.tmp').write_bytes(b'half')
    assert pack_images(root).files == 3
    assert not (root / '.images.lmdb.tmp').exists()


def test_missing_images(document, write_data):
    root = write_data(document)
    (root / 'images/b.png').unlink()
    with pytest.raises(DataError, match=r'1 of 3 image files do not exist: images/b\.png; copy'):
        pack_images(root)
    assert not (root / 'images.lmdb').exists()


def test_no_data_folder(tmp_path):
    with pytest.raises(DataError, match=r'annotations: holds no \.json file'):
        pack_images(tmp_path)


def test_faulty_annotations(document, write_data):
    root = write_data(document)
    (root / 'annotations/test.json').write_text('{')
    with pytest.raises(DataError, match=r'test\.json: file: content'):
        pack_images(root)


def test_path_longer_than_a_key(document, write_data):
    document['images'][0]['file_name'] = f'{"long name/" * 60}a.png'
    with pytest.raises(InputError, match='is longer than 511 bytes; shorten it'):
        pack_images(write_data(document))


def test_out_is_a_folder(document, write_data, tmp_path):
    with pytest.raises(InputError, match=r'is a folder; name the file'):
        pack_images(write_data(document), tmp_path)


def _interrupt(*_):
    raise KeyboardInterrupt
