import pytest

from unihema_mm.datasets.schema import DataError
from unihema_mm.engine.stages.prepared_sets import read_prepared_sets
from unihema_mm.engine.stages.shared_classes import shared_classes
from unihema_mm.utils.errors import InputError

from .prepared_folders import image, write_split


@pytest.fixture
def sets(tmp_path):
    write_split(tmp_path / 'a', 'train', [image(1, 'det')], classes=['burr cell', 'platelets', 'own'])
    write_split(tmp_path / 'b', 'test', [image(1, 'inst')], classes=['PLT', 'RBC'])
    write_split(tmp_path / 'c', 'val', [image(1, 'cls', class_name='NGS')], classes=['basophil'])
    write_split(tmp_path / 'd', 'val', [image(1, 'vqa')], classes=['trypanosome'])
    return read_prepared_sets(tmp_path)


def test_classes_of_the_paper():
    spaces = shared_classes(dict(det=dict(classes='paper'), cls=dict(classes='paper'), seg=dict()), [])
    assert {kind: len(space.classes) for kind, space in spaces.items()} == {
        'detection': 28,
        'classification': 42,
    }
    assert spaces['detection'].classes[:2] == ('myeloblast', 'lymphoblast')
    assert 'WBC' in spaces['detection'].classes and 'leukocyte' not in spaces['detection'].classes


def test_prepared_classes_follow_the_taxonomy(sets):
    parts = dict(det=dict(classes='prepared'), morph=dict(classes='prepared'), cls=dict(classes='prepared'))
    spaces = shared_classes(parts, sets)
    assert spaces['detection'].classes == ('RBC', 'burr cell', 'platelet', 'own')
    assert spaces['classification'].classes == ('segmented neutrophil', 'basophil')
    assert spaces['detection'].coarser == spaces['classification'].coarser == {}
    assert shared_classes(parts, sets[::-1]) == spaces
    assert shared_classes(parts, sets[3:]) == shared_classes({}, sets) == {}


def test_classes_become_their_nearest_ancestor(sets):
    classes = ['blood cell', 'RBC', 'own']
    space = shared_classes(dict(inst=dict(classes=classes)), sets)['detection']
    assert space.classes == tuple(classes)
    assert space.coarser == {
        'a': {'burr cell': 'RBC', 'platelets': 'blood cell'},
        'b': {'PLT': 'blood cell'},
    }


def test_other_names_of_a_class_are_not_coarser(sets):
    space = shared_classes(dict(det=dict(classes=['thrombocyte', 'erythrocyte', 'own'])), sets)['detection']
    assert space.coarser == {'a': {'burr cell': 'erythrocyte'}}


@pytest.mark.parametrize(
    ('parts', 'message'),
    [
        (
            dict(det=dict(classes=['RBC', 'platelet'])),
            r"a: class 'own' and its ancestors are not among the classes of detection \(known: RBC",
        ),
        (
            dict(cls=dict(classes='paper'), seg=dict(classes='paper')),
            'stage_data.seg.classes: this task has no',
        ),
        (
            dict(det=dict(classes='paper'), morph=dict(classes='prepared')),
            r"morph.classes: is 'prepared', but 'paper'",
        ),
        (dict(det=dict(classes=['WBC', 'leukocyte'])), "'leukocyte' is the same class as 'WBC'"),
        (dict(det=dict(classes='papers')), "is the string 'papers'"),
        (dict(det=dict(classes=[])), 'list each class name once'),
    ],
)
def test_wrong_lists(sets, parts, message):
    with pytest.raises((InputError, DataError), match=message) as error:
        shared_classes(parts, sets)
    assert '\n' not in str(error.value)
