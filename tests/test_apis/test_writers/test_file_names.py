from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unihema_mm.apis.writers import WRITERS, write_predictions
from unihema_mm.apis.writers.file_names import relative_path

from .parts import make_cell, make_result, read_json

HOSTILE = [
    '../../x.png',
    '/etc/passwd',
    '//server/share',
    'a/../../b',
    '..',
    '.',
    'a/./b',
    'a//b',
    'C:\\x.png',
    'c:/x.png',
    '..\\..\\x',
    'a\x00.png',
    'a\nb',
    'con.png',
    'NUL',
    'a. ',
    'x' * 300,
    'ü' * 200 + '/' + 'y' * 250,
    '/'.join(['deep'] * 400),
    '\udcff\udc80.png',
    '\ud800',
    '%2E%2E/x.png',
    '~/x',
    '-rf',
    ' ',
]


def test_plain_names_stay_as_they_are():
    assert str(relative_path('slide 1/Zelle ü 細胞.v2.png', '.json')) == 'slide 1/Zelle ü 細胞.v2.png.json'


@pytest.mark.parametrize('format_name', sorted(set(WRITERS) - {'overlay'}))
def test_no_name_leaves_the_folder_or_meets_another(tmp_path, format_name):
    out = tmp_path / 'deep' / 'er' / 'out'
    cell = make_cell(pixels=[[True]])
    items = [make_result(name, [cell], tasks=('det', 'inst')) for name in HOSTILE]
    write_predictions(items, out, [format_name])
    files = [path for path in tmp_path.rglob('*') if path.is_file()]
    assert all(path.is_relative_to(out) and not path.is_symlink() for path in files)
    per_image = {'json': '*.json', 'yolo': '*.txt', 'geojson': '*.geojson', 'labels': '*.tif'}
    if format_name in per_image:
        folder = out / {'yolo': 'yolo/labels', 'labels': 'labels/cells'}.get(format_name, format_name)
        assert len(list(folder.rglob(per_image[format_name]))) == len(HOSTILE)
    if format_name == 'json':
        assert {read_json(path)['name'] for path in (out / 'json').rglob('*.json')} == set(HOSTILE)


name_text = st.text(st.characters(), max_size=20) | st.lists(
    st.sampled_from(['a', '.', '..', '', '.txt', 'a.txt', 'C:', '%2E', 'con', '\\']), min_size=1, max_size=5
).map('/'.join)


@given(name_text, name_text)
def test_path_is_inside_and_told_apart(one, other):
    paths = [relative_path(name, '.txt') for name in (one, other)]
    for path in paths:
        assert not path.is_absolute()
        assert not {'..', '.', ''} & set(path.parts)
        assert not any(character in '\x00:\\' for character in str(path))
        assert path.suffix == '.txt'
    if one != other:
        assert paths[0] != paths[1]
        assert paths[0] not in paths[1].parents and paths[1] not in paths[0].parents


@given(
    st.text(st.characters(exclude_categories=['Cs']), min_size=1, max_size=20).filter(
        lambda text: '/' not in text
    )
)
def test_name_can_be_read_back(name):
    path = str(relative_path(name, '.txt'))
    assert unquote_to_bytes(path[: -len('.txt')]) == name.encode()


def test_folder_of_one_image_is_not_the_file_of_another(tmp_path):
    names = ['a', 'a.json/b', 'a.JSON/b', 'a.png/b', 'a.tif/b']
    cell = make_cell(pixels=[[True]])
    items = [make_result(name, [cell], tasks=('det', 'inst')) for name in names]
    write_predictions(items, tmp_path, ['json', 'labels'])
    written = [path for path in (tmp_path / 'json').rglob('*') if path.is_file()]
    assert sorted(read_json(path)['name'] for path in written) == sorted(names)
    assert sum(path.is_file() for path in (tmp_path / 'labels').rglob('*')) == 2 * len(names)
