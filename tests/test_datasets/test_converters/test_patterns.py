import pytest

from unihema_mm.datasets.converters.patterns import fixed_folder, match_files, pattern_fields
from unihema_mm.datasets.schema import DataError

FILES = (
    'a/x/1.jpg',
    'a/x/deep/er/2.JPG',
    'a/y/3.png',
    'a/y/3.txt',
    'a/.x/4.jpg',
    'a/y/.5.jpg',
    '[a]/x/6.jpg',
)


@pytest.fixture
def source(tmp_path):
    for name in FILES:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


@pytest.mark.parametrize(
    ('pattern', 'found'),
    [
        ('a/{class}/{key}.*', {'a/x/1.jpg': ('x', '1'), 'a/y/3.png': ('y', '3')}),
        ('a/{class}/**/{key}', {'a/x/1.jpg': ('x', '1.jpg'), 'a/y/3.png': ('y', '3.png')}),
        ('[a]/{class}/{key}', {'[a]/x/6.jpg': ('x', '6.jpg')}),
        ('b/{class}/{key}', {}),
    ],
)
def test_named_parts(source, pattern, found):
    files = dict(match_files(source, pattern, ('.jpg', '.png')))
    if '**' in pattern:
        found = {**found, 'a/x/deep/er/2.JPG': ('x', '2.JPG')}
    assert files == {name: {'class': one, 'key': two} for name, (one, two) in found.items()}
    assert list(files) == sorted(files)


def test_pattern_without_named_parts(source):
    assert match_files(source, 'a/y/*', ('.txt',)) == [('a/y/3.txt', {})]
    assert pattern_fields('a/*') == [] and pattern_fields('{split}/{class}/*') == ['split', 'class']


@pytest.mark.parametrize(
    ('pattern', 'folder'),
    [('a/b/{class}/*', 'a/b'), ('{class}/*', ''), ('a/*/b/{class}/*', 'a'), ('**/a/*', ''), ('a/1.jpg', 'a')],
)
def test_fixed_folder(pattern, folder):
    assert fixed_folder(pattern) == folder


@pytest.mark.parametrize('pattern', ['', '/a/*', '../a/*', 'a/../../b/*', 'a/**b/*', 'a/**'])
def test_patterns_that_leave_the_source_or_are_none(source, pattern):
    with pytest.raises(DataError, match=r'source: files: pattern: is .*; write a path relative to --src'):
        match_files(source, pattern, ('.jpg',))


def test_part_named_twice(source):
    with pytest.raises(DataError, match='has a named part twice; name it once'):
        match_files(source, '{a}/{a}', ('.jpg',))
