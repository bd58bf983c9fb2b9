import json

import pytest

from unihema_mm.datasets.schema import DataError
from unihema_mm.datasets.split_file import (
    Claim,
    check_split_file,
    read_claim,
    read_split_file,
    write_split_file,
)

CONTENT = {'dataset': 'toy', 'rule': {}, 'splits': {'train': ['a', 'b'], 'val': ['c']}, 'groups': {}}


@pytest.fixture
def digest(tmp_path):
    return write_split_file(tmp_path, CONTENT)


def claims(digest, **splits):
    return [Claim(f'{split}.json', split, digest, names) for split, names in splits.items()]


def lines(faults):
    return [str(fault) for fault in faults]


def test_the_hash_is_that_of_the_content(tmp_path, digest):
    assert len(digest) == 64 and write_split_file(tmp_path / 'other', CONTENT) == digest
    assert read_split_file(tmp_path) == CONTENT and read_split_file(tmp_path / 'none') == {}
    changed = {**CONTENT, 'splits': {'train': ['a', 'c'], 'val': ['b']}}
    assert write_split_file(tmp_path / 'other', changed) != digest


def test_claim_of_an_annotation_file():
    images = [{'source': 'b'}, {'source': 'a'}, {}]
    document = {'info': {'split': 'val', 'splits_sha256': '12'}, 'images': images}
    assert read_claim(document, 'val.json') == Claim('val.json', 'val', '12', ['None', 'a', 'b'])
    assert read_claim({'images': []}, 'x.json') == Claim('x.json', 'None', None, [])


def test_agreement(tmp_path, digest):
    good = claims(digest, train=['a', 'b'], val=['c'])
    assert check_split_file(tmp_path, good, {'complete': True, 'splits_sha256': digest}) == []
    assert check_split_file(tmp_path, good[:1], {}) == []
    assert check_split_file(tmp_path, good, {'complete': False}) == []
    assert check_split_file(tmp_path / 'none', claims(None, train=['a']), {}) == []


def test_images_that_moved(tmp_path, digest):
    found = lines(check_split_file(tmp_path, claims(digest, train=['a'], val=['b', 'c'], test=['d']), {}))
    assert len(found) == 3
    assert "train.json: file: images: differ from the list 'train' of" in found[0]
    assert "in 1 images, e.g. 'b'; convert the set again" in found[0] and "e.g. 'b'" in found[1]
    assert "'test'" in found[2] and "e.g. 'd'" in found[2]


def test_a_split_file_that_was_edited_or_removed(tmp_path, digest):
    good = claims(digest, train=['a', 'b'], val=['c'])
    report = {'complete': True, 'splits_sha256': digest}
    (tmp_path / 'splits.json').write_text(json.dumps(CONTENT))
    found = lines(check_split_file(tmp_path, good, report))
    assert len(found) == 3 and all(f'splits_sha256: is {digest!r}, that of' in line for line in found)
    assert 'conversion_report.json: file: splits_sha256' in found[2]
    (tmp_path / 'splits.json').unlink()
    found = lines(check_split_file(tmp_path, good, report))
    assert len(found) == 2 and 'train.json: info: splits_sha256: is given, but' in found[0]


@pytest.mark.parametrize('content', ['{}', '{"splits": 3}', '{"splits": {"train": 3}}'])
def test_other_content(tmp_path, content):
    (tmp_path / 'splits.json').write_text(content)
    found = lines(check_split_file(tmp_path, claims('', train=['a', 'b']), {}))
    assert len(found) == 2 and 'differ from the list' in found[1]


def test_a_split_file_that_is_no_json(tmp_path):
    (tmp_path / 'splits.json').write_text('{"splits": ')
    with pytest.raises(DataError, match='is truncated'):
        check_split_file(tmp_path, claims('', train=['a']), {})
