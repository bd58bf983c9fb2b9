import pytest

from unihema_mm.datasets.converters.source import SourceItem
from unihema_mm.datasets.converters.splitting import note_identical, split_by_lists
from unihema_mm.datasets.schema import DataError


def write(path, text):
    path.write_text(text)
    return path.name


def test_lists_of_stems_of_names_and_with_numbers(tmp_path):
    train = write(tmp_path / 'train.txt', '\ufeffb 1\n\na.jpg\n')
    found = split_by_lists(
        tmp_path, {'train': train, 'val': write(tmp_path / 'val.txt', 'c.d\n')}, {*'ab', 'c.d'}
    )
    assert list(found.items()) == [('a', 'train'), ('b', 'train'), ('c.d', 'val')]
    assert split_by_lists(tmp_path, {'test': '*'}, {'b', 'a'}) == {'a': 'test', 'b': 'test'}


def test_lists_of_names_with_blanks(tmp_path):
    known = {'IMG', 'IMG (2)', 'smear 1', 'smear 2', '001'}
    train = write(tmp_path / 'train.txt', 'IMG (2)\r\nsmear 2.png\r\n')
    val = write(tmp_path / 'val.txt', 'IMG\nsmear 1\n')
    test = write(tmp_path / 'test.txt', 'Dataset 1/001.bmp\n')
    found = split_by_lists(tmp_path, {'train': train, 'val': val, 'test': test}, known)
    assert found == {'IMG (2)': 'train', 'smear 2': 'train', 'IMG': 'val', 'smear 1': 'val', '001': 'test'}


@pytest.mark.parametrize(
    ('splits', 'message'),
    [
        ({}, 'none is given and none was found'),
        ({'dev': '*'}, 'dev: is not a split; use train, val, test'),
        ({'train': 'none.txt'}, 'none.txt: file: split list: does not exist'),
        ({'train': 'twice.txt'}, 'twice.txt: a: split list: is listed twice'),
        ({'train': 'unknown.txt'}, 'unknown.txt: x: split: has neither an image nor a label'),
        ({'train': '*', 'val': 'a.txt'}, 'a.txt: a: split: is in val and in train'),
    ],
)
def test_faulty_lists(tmp_path, splits, message):
    write(tmp_path / 'twice.txt', 'a\na.jpg\n')
    write(tmp_path / 'unknown.txt', 'x\n')
    write(tmp_path / 'a.txt', 'a\n')
    with pytest.raises(DataError, match=message):
        split_by_lists(tmp_path, splits, {'a', 'b'})


def test_identical_images_are_noted(tmp_path):
    items = [
        SourceItem('train', write(tmp_path / name, text), name)
        for name, text in zip('abcd', 'xyxz', strict=True)
    ]
    assert [(note.code, note.item) for note in note_identical(items, tmp_path)] == [
        ('identical_image', 'c is a')
    ]
