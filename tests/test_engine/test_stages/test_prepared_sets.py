import re

import pytest

from unihema_mm.datasets.schema import DataError
from unihema_mm.engine.stages.prepared_sets import choose_sets, read_prepared_sets
from unihema_mm.utils.errors import InputError

from .prepared_folders import image, write_split

GENERATED = dict(dataset='synthetic')


def test_what_a_folder_holds(tmp_path):
    images = [image(1, 'det', 'morph'), image(2, 'det'), image(3, 'cls', class_name='WBC'), image(4)]
    info = dict(dataset='bccd', attributes={'size': ['small', 'big']})
    write_split(tmp_path / 'mine', 'train', images, classes=['RBC', 'WBC'], info=info)
    write_split(tmp_path / 'mine', 'test', [image(1, 'vqa')], classes=['ring', 'RBC'], info=info)
    (only,) = read_prepared_sets(tmp_path)
    assert (only.name, only.dataset, only.licence) == ('mine', 'bccd', 'MIT')
    assert only.tasks == ('det', 'morph', 'cls', 'vqa')
    assert [only.count('train', *tasks) for tasks in ([], ['det'], ['det', 'morph'], ['cls', 'det'])] == [
        4,
        3,
        1,
        0,
    ]
    assert (only.count('test', 'vqa'), only.count('val')) == (1, 0)
    assert (only.categories, only.image_classes) == (('RBC', 'WBC', 'ring'), ('WBC',))
    assert only.attributes == {'size': ('small', 'big')} and not only.is_generated
    assert [*only.files] == ['train', 'test'] and only.files[
        'test'
    ] == tmp_path / 'mine/annotations/test.json'


def test_folders_without_annotations_are_none(tmp_path):
    assert read_prepared_sets(tmp_path / 'absent') == read_prepared_sets(tmp_path) == []
    (tmp_path / 'empty' / 'annotations').mkdir(parents=True)
    (tmp_path / 'file').write_text('')
    write_split(tmp_path / 'deep' / 'inside', 'train', [image(1, 'det')])
    write_split(tmp_path / 'other', 'extra', [image(1, 'det')])
    assert read_prepared_sets(tmp_path) == []


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ('', r'b/annotations/val\.json: file: content: is empty'),
        ('{"images": [', r'b/annotations/val\.json: file: content: is truncated'),
        ('[]', r'b/annotations/val\.json: file: content: holds a JSON list'),
        ('{}', r'b/annotations/val\.json: file: categories: is not a list of records'),
        ('{"categories": [{"id": 1}], "images": []}', 'val.json: file: categories: name is None'),
        ('{"categories": [], "images": {}}', 'val.json: file: images: is not a list'),
        ('{"categories": [], "images": [{"id": 3, "tasks": "det"}]}', "val.json: image 3: tasks: is 'det'"),
        ('{"categories": [], "images": [{"id": 3, "tasks": [["det"]]}]}', 'val.json: image 3: tasks: is'),
    ],
)
def test_broken_files_are_named(tmp_path, content, message):
    write_split(tmp_path / 'a', 'train', [image(1, 'det')])
    write_split(tmp_path / 'b', 'val', []).write_text(content)
    with pytest.raises(DataError, match=message) as error:
        read_prepared_sets(tmp_path)
    assert '\n' not in str(error.value)


def test_an_interrupted_conversion_is_no_set(tmp_path):
    write_split(tmp_path / 'a', 'train', [image(1, 'det')])
    report = tmp_path / 'a' / 'conversion_report.json'
    report.write_text('{"complete": false}')
    with pytest.raises(DataError, match='the conversion was interrupted; repeat its convert command'):
        read_prepared_sets(tmp_path)
    report.write_text('{"complete": true}')
    assert len(read_prepared_sets(tmp_path)) == 1


def test_all_means_real_sets_where_there_are_any(tmp_path):
    write_split(tmp_path / 'drawn', 'train', [image(1, 'det')], info=GENERATED)
    prepared = read_prepared_sets(tmp_path)
    assert [part.name for part in choose_sets(prepared, 'all', tmp_path)] == ['drawn']
    write_split(tmp_path / 'real', 'train', [image(1, 'det')])
    prepared = read_prepared_sets(tmp_path)
    assert [part.name for part in choose_sets(prepared, 'all', tmp_path)] == ['real']
    chosen = choose_sets(prepared, ('real', 'drawn', 'real'), tmp_path)
    assert [part.name for part in chosen] == ['real', 'drawn']
    assert choose_sets([], 'all', tmp_path) == []


def test_a_missing_set_suggests_the_nearest(tmp_path):
    write_split(tmp_path / 'bccd', 'train', [image(1, 'det')])
    with pytest.raises(InputError, match=r"stage.sets: 'bcdd' is no data folder below .* \(nearest: bccd\)"):
        choose_sets(read_prepared_sets(tmp_path), ['bcdd'], tmp_path)
    with pytest.raises(InputError, match='there is none'):
        choose_sets([], ['bccd'], tmp_path)


@pytest.mark.parametrize('name', ['Zellen 2.0 (neu)', 'größe+1', "o'brien", 'a"b', 'a\nb'])
def test_odd_names_serve_or_are_refused_in_one_line(tmp_path, name):
    write_split(tmp_path / name, 'train', [image(1, 'det')])
    prepared = read_prepared_sets(tmp_path)
    if re.search('[\'"\n]', name):
        with pytest.raises(
            InputError, match='cannot name a data set in a config; rename the folder'
        ) as error:
            choose_sets(prepared, 'all', tmp_path)
        assert '\n' not in str(error.value)
    else:
        assert choose_sets(prepared, [name], tmp_path)[0].name == name
