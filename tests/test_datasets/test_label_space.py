import pytest

from unihema_mm.datasets.label_space import (
    as_class_names,
    attributes_of_class,
    make_label_space,
    nearest_label,
)
from unihema_mm.datasets.schema import DataError

CATEGORIES = [{'id': 9, 'name': 'RBC'}, {'id': 2, 'name': 'WBC'}]


def test_ids_with_gaps_become_labels_in_file_order():
    assert make_label_space(CATEGORIES, 'f') == (('RBC', 'WBC'), {9: 0, 2: 1})


def test_shared_space_maps_by_name():
    space = ('platelet', 'WBC', 'ring', 'RBC')
    assert make_label_space(CATEGORIES, 'f', shared=space) == (space, {9: 3, 2: 1})


def test_class_outside_the_shared_space_names_the_nearest():
    with pytest.raises(DataError, match=r"class 'WBC' is not in classes \(nearest: wbc"):
        make_label_space(CATEGORIES, 'f', shared=('RBC', 'wbc', 'platelet'))


def test_other_metainfo_lists_both_name_sets():
    with pytest.raises(DataError, match=r"file has \['RBC', 'WBC'\], metainfo has \['person', 'car'\]"):
        make_label_space(CATEGORIES, 'f', declared=('person', 'car'))


def test_metainfo_in_another_order_is_refused():
    with pytest.raises(DataError, match='another order'):
        make_label_space(CATEGORIES, 'f', declared=('WBC', 'RBC'))
    assert make_label_space(CATEGORIES, 'f', declared=('RBC', 'WBC'))[1] == {9: 0, 2: 1}


def test_no_category():
    with pytest.raises(DataError, match='categories: is empty'):
        make_label_space([], 'f')


def test_missing_comma():
    with pytest.raises(DataError, match=r"is the string 'wbc'.*write \('wbc',\)"):
        as_class_names(('wbc'), 'metainfo.classes')


@pytest.mark.parametrize('classes', [[], ['a', 'a'], ['a', 1]])
def test_bad_class_list(classes):
    with pytest.raises(DataError, match='list each class name once'):
        as_class_names(classes, 'classes')


@pytest.mark.parametrize(
    ('name', 'label'),
    [
        ('burr cell', 'RBC'),
        ('burr_cell', 'RBC'),
        ('WBCs', 'leukocyte'),
        ('NGS', 'neutrophil'),
        ('basophil', 'leukocyte'),
        ('mine', 'mine'),
        ('ring', None),
        ('yours', None),
    ],
)
def test_nearest_ancestor_stands_for_a_class(name, label):
    space = ('mine', 'RBC', 'leukocyte', 'neutrophil')
    assert nearest_label(name, space) == label
    assert nearest_label(name, space, ancestors=False) == ('mine' if name == 'mine' else None)


def test_categories_share_the_label_of_their_ancestor():
    categories = [
        {'id': number, 'name': name} for number, name in enumerate(['burr cell', 'WBC', 'target cell'])
    ]
    space = ('WBC', 'RBC')
    assert make_label_space(categories, 'f', shared=space, ancestors=True) == (space, {0: 1, 1: 0, 2: 1})
    with pytest.raises(DataError, match="class 'burr cell' is not in classes"):
        make_label_space(categories, 'f', shared=space)
    with pytest.raises(DataError, match=r"class 'WBC' and its ancestors are not in classes \(nearest: RBC\)"):
        make_label_space(categories, 'f', shared=('RBC',), ancestors=True)


@pytest.mark.parametrize(
    ('name', 'kept'),
    [
        ('WBC', 'ab'),
        ('neutrophil', 'a'),
        ('band neutrophil', 'a'),
        ('basophil', 'ab'),
        ('RBC', ''),
        ('x', ''),
    ],
)
def test_attributes_that_a_class_has(name, kept):
    annotated = {'leukocyte': ['a', 'b'], 'neutrophil': ['a']}
    values = {'a': 1, 'b': 2, 'c': 3}
    assert ''.join(attributes_of_class(values, name, annotated)) == kept
    assert attributes_of_class(values, name, None) == values
    assert attributes_of_class(values, name, {}) == {}
