import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unihema_mm.datasets.catalogue import read_entry
from unihema_mm.datasets.converters import FORMATS, convert
from unihema_mm.datasets.validation import check_path
from unihema_mm.utils.errors import InputError

LONGEST_MESSAGE = 2000


@pytest.fixture(autouse=True)
def fast_disk(monkeypatch):
    monkeypatch.setattr(os, 'fsync', lambda handle: None)


def assert_clear(error):
    """One line that names file, field and mend."""
    for text in (str(error), *map(str, getattr(error, 'faults', ()))):
        assert len(text.splitlines()) == 1 and len(text) < LONGEST_MESSAGE, text[:LONGEST_MESSAGE]
        assert text.count(': ') >= 2, text
        assert text.isprintable(), repr(text)
    for fault in getattr(error, 'faults', ()):
        assert fault.file and fault.record and fault.field and fault.what and fault.mend


def convert_safely(miniature, root, files, fuzz):
    """Convert a source; whatever is in it, the result is good or absent, and nothing else has changed."""
    source, out = root / 'source', root / 'result' / 'toy'
    fuzz.write_source(source, files)
    before = fuzz.snapshot(root)
    error = None
    try:
        convert(read_entry(miniature.entry, 'toy.yaml'), source, out)
    except InputError as caught:
        error = caught
        assert_clear(error)
    after = fuzz.snapshot(root)
    made = {name: content for name, content in after.items() if name not in before}
    assert {name: after.get(name) for name in before} == before
    assert all(name == 'result' or name.startswith('result/toy') for name in made)
    assert not [name for name in made if name.endswith(('.part', '.tmp', '.lock'))]
    assert not [name for name in made if (root / name).is_symlink()]
    annotations = [name for name in made if name.startswith('result/toy/annotations/')]
    if error is None:
        faults = check_path(out).faults
        assert annotations and not faults, '\n'.join(map(str, faults))
        check_path(out, decode=True)
    else:
        assert not annotations
        report = out / 'conversion_report.json'
        assert not report.is_file() or json.loads(report.read_text())['complete'] is False
    return error


def test_every_format_has_a_miniature(fuzz):
    missing = set(FORMATS) - set(fuzz.names)
    assert not missing, f'add {missing} to MINIATURES of tests/test_datasets/test_fuzz/conftest.py'


def test_the_miniature_is_valid(miniature, empty_folder, fuzz):
    root = empty_folder()
    assert convert_safely(miniature, root, miniature.files, fuzz) is None
    assert check_path(root / 'result' / 'toy', decode=True).faults == []


@given(data=st.data())
def test_spoiled_source(data, miniature, empty_folder, fuzz):
    changes = data.draw(fuzz.spoiled(miniature.files))
    convert_safely(miniature, empty_folder(), {**miniature.files, **changes}, fuzz)


def test_unreadable_and_huge_images(miniature, empty_folder, fuzz):
    name = next(name for name in miniature.files if name.endswith('/a.png'))
    for content in (fuzz.bomb(60000, 60000), fuzz.bomb(30000, 30000), fuzz.bomb(0, 0), b''):
        files = {**miniature.files, name: content}
        error = convert_safely(miniature, empty_folder(), files, fuzz)
        assert 'image' in str(error) or 'mask' in str(error)
