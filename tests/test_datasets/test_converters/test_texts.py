import pytest

from unihema_mm.datasets.converters.texts import read_text, read_yaml
from unihema_mm.datasets.schema import DataError


def test_mark_of_byte_order_is_dropped(tmp_path):
    (tmp_path / 'a.txt').write_bytes('\ufeffé\r\n'.encode())
    assert read_text(tmp_path / 'a.txt') == 'é\r\n'


@pytest.mark.parametrize('encoding', ['utf-16', 'utf-32', 'latin-1'])
def test_other_encodings(tmp_path, encoding):
    (tmp_path / 'a.txt').write_bytes('é'.encode(encoding))
    with pytest.raises(DataError, match='labels: file: content: is not UTF-8 text; copy'):
        read_text(tmp_path / 'a.txt', 'labels')


def test_what_cannot_be_read(tmp_path):
    (tmp_path / 'loop').symlink_to('loop')
    for name, reason in (('loop', 'Too many levels'), ('absent', 'No such file'), ('.', 'Is a directory')):
        with pytest.raises(DataError, match=f'file: path: cannot be read .{reason}'):
            read_text(tmp_path / name)


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('a: [', 'is not YAML'),
        ('a: 2020-13-45', 'is not YAML .month must be in 1..12.'),
        ('a: ' + '9' * 5000, 'is not YAML'),
        ('[' * 5000, 'is not YAML'),
        ('a: !!python/object/apply:os.system [ls]', 'is not YAML'),
        ('- a', 'is a list; write an object'),
        ('', 'is a NoneType; write an object'),
    ],
)
def test_bad_yaml(tmp_path, text, message):
    (tmp_path / 'a.yaml').write_text(text)
    with pytest.raises(DataError, match=f'a.yaml: file: content: {message}'):
        read_yaml(tmp_path / 'a.yaml')
