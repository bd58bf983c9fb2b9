import pytest

from unihema_mm.datasets.converters.tables import load_table, make_lookup, read_table
from unihema_mm.datasets.schema import DataError


@pytest.fixture
def table(tmp_path):
    """Callable text or bytes -> table file."""

    def write(content):
        path = tmp_path / 'table.csv'
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_byte_order_mark_line_ends_blanks_and_empty_lines(table):
    path = table('\ufeffimage ID, class label\r\n1,"2, or 3"\r\n\r\n 2 , b\r\n')
    assert read_table(path, 'image ID') == [
        {'image ID': '1', 'class label': '2, or 3'},
        {'image ID': '2', 'class label': 'b'},
    ]
    assert read_table(table('a,b\n')) == []


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ('', "line 1: columns: column 'name' is missing"),
        ('nam,x\n', r"column 'name' is missing \(nearest: nam"),
        ('name,x\na,1\n\nb\n', 'line 4: values: has 1 values for 2 columns'),
        ('name,x\na,1,2\n', 'line 2: values: has 3 values'),
        (b'name\n\xff\xfe', 'file: content: is not UTF-8 text'),
        ('name\n"a', 'is no csv table'),
    ],
)
def test_faulty_table(table, content, message):
    with pytest.raises(DataError, match=message) as error:
        read_table(table(content), 'name')
    assert '\n' not in str(error.value)


def test_absent_table(tmp_path):
    with pytest.raises(DataError, match=r'none.csv: file: path: does not exist'):
        read_table(tmp_path / 'none.csv')


def test_lookup_fills_keys_and_refuses_repeated_ones(table, tmp_path):
    spec = {'file': 'table.csv', 'key': 'id', 'value': 'class', 'digits': 3}
    table('id,class\n1,a\n20,b\n')
    assert make_lookup(spec, 'class_table').read(tmp_path) == {'001': 'a', '020': 'b'}
    table('id,class\n1,a\n01,b\n')
    with pytest.raises(DataError, match='001: id: stands there twice'):
        make_lookup(spec, 'class_table').read(tmp_path)


@pytest.mark.parametrize('spec', [{'file': 'x'}, {'file': 'x', 'key': 'a', 'value': 'b', 'column': 'c'}])
def test_faulty_lookup(spec):
    with pytest.raises(DataError, match=r'parameters: class_table: is .* write file, key and value'):
        make_lookup(spec, 'class_table')


def test_blank_lines_numbers_of_columns_and_other_delimiters(table):
    found = load_table(table('\n a ;b\n;\n1;2\n'), delimiter=';')
    assert found.headings == ['a', 'b'] and found.rows == [(4, ['1', '2'])]
    assert [found.find(column) for column in ('a', 2)] == [0, 1]
    bare = load_table(table('1,2\n'), header=False)
    assert bare.headings == [] and bare.rows == [(1, ['1', '2'])] and bare.find(2) == 1
    assert load_table(table(''), header=False).width == 0


@pytest.mark.parametrize(
    ('column', 'message'),
    [
        ('c', r"line 1: columns: column 'c' is missing \(known: a, b, a"),
        ('a', "column 'a' stands there 2 times; rename one of them, or give the number"),
        (0, 'column 0 is not there, it has 3; count from 1'),
        (4, 'column 4 is not there, it has 3'),
        (True, 'column True is neither a heading nor a number'),
        (None, 'column None is neither a heading nor a number'),
    ],
)
def test_columns_that_are_not_there(table, column, message):
    with pytest.raises(DataError, match=message):
        load_table(table('a,b,a\n1,2,3\n')).find(column)


@pytest.mark.parametrize('delimiter', ['', 'ab', 3, None])
def test_faulty_delimiter(table, delimiter):
    with pytest.raises(DataError, match=r'parameters: delimiter: is .*; write one character'):
        load_table(table('a,b\n'), delimiter=delimiter)
