import json

import pytest

from unihema_mm.datasets.schema import DataError, Fault, mask_targets, read_document, shorten, write_document


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (b'', 'is empty'),
        (b' \n', 'is empty'),
        (b'{"images": [{"id": 1, "file', 'is truncated'),
        (b'{"images": [{"id": 1}', 'is truncated'),
        (b'{"images": oops, "annotations": []}', 'is not JSON'),
        (b'[1, 2]', 'JSON list, not an object'),
        (b'{"a": "\xff"}', 'is not UTF-8'),
    ],
)
def test_bad_file(tmp_path, content, message):
    path = tmp_path / 'train.json'
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as error:
        read_document(str(path))
    assert str(path) in str(error.value) and '\n' not in str(error.value)


def test_absent_file_and_folder(tmp_path):
    with pytest.raises(DataError, match='does not exist'):
        read_document(str(tmp_path / 'none.json'))
    with pytest.raises(DataError, match='is a folder'):
        read_document(str(tmp_path))


def test_write_read(tmp_path):
    path = tmp_path / 'new' / 'x.json'
    write_document(path, {'name': 'Zählung', 'n': [1, 2.5]})
    assert read_document(str(path)) == {'name': 'Zählung', 'n': [1, 2.5]}
    assert [file.name for file in path.parent.iterdir()] == ['x.json']


def test_write_leaves_the_old_file_when_it_fails(tmp_path):
    path = tmp_path / 'x.json'
    write_document(path, {'n': 1})
    with pytest.raises(ValueError):
        write_document(path, {'n': float('nan')})
    assert json.loads(path.read_text()) == {'n': 1}


def test_data_error_counts_its_faults():
    fault = Fault('f.json', 'image 1', 'width', 'is 0', 'write pixels')
    assert str(DataError(fault)) == 'f.json: image 1: width: is 0; write pixels'
    assert str(DataError([fault] * 3)).endswith('(and 2 more faults of this data)')


def test_shorten():
    assert shorten(['a', 'b']) == 'a, b'
    assert shorten(list('abcdefg'), 3) == 'a, b, c and 4 more'


def test_error_of_a_loader_process_keeps_its_text():
    """DataLoader raises the error of a worker again from its type and text."""
    text = 'train.json: image 7: bbox: is empty; remove it'
    assert str(DataError(text)) == text


def test_mask_targets():
    assert mask_targets({'prompt': 'RBC'}) == []
    assert mask_targets({'prompt': 'RBC', 'mask_file': 'm.png'}) == [('RBC', 'm.png')]
    masks = [{'prompt': 'nucleus', 'file': 'n.png'}, {'prompt': 'WBC', 'file': 'w.png'}]
    assert mask_targets({'prompt': 'RBC', 'masks': masks}) == [('nucleus', 'n.png'), ('WBC', 'w.png')]


def test_message_is_one_printable_line_of_bounded_length():
    fault = Fault('a\nb.json', 'image \u202e', 'x' * 10000, 'is \0', 'mend')
    assert str(fault).isprintable() and len(str(fault)) < 1000
    assert str(fault).startswith(r'a\nb.json: image \u202e: xxx') and str(fault).endswith(
        r'...: is \x00; mend'
    )


@pytest.mark.parametrize('text', ['{"a": ' + '9' * 5000 + '}', '{"a": ' + '[' * 100000])
def test_endless_numbers_and_nested_lists(tmp_path, text):
    (tmp_path / 'a.json').write_text(text)
    with pytest.raises(DataError, match=r'a.json: file: content: cannot be parsed .*; make the file again'):
        read_document(str(tmp_path / 'a.json'))


def test_link_to_itself(tmp_path):
    (tmp_path / 'a.json').symlink_to('a.json')
    with pytest.raises(DataError, match=r'a.json: file: path: cannot be read \(Too many levels'):
        read_document(str(tmp_path / 'a.json'))
