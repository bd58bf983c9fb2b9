import pytest

from unihema_mm.datasets.synthetic.vocabulary import CLASSES
from unihema_mm.datasets.taxonomy import PAPER_TASKS, load_taxonomy, paper_labels, read_taxonomy
from unihema_mm.utils.errors import InputError


@pytest.fixture(scope='module')
def taxonomy():
    return load_taxonomy()


@pytest.mark.parametrize(
    ('name', 'resolved'),
    [
        ('NGS', 'segmented neutrophil'),
        ('SNE', 'segmented neutrophil'),
        ('Segmented_Neutrophil', 'segmented neutrophil'),
        ('neutrophil band', 'band neutrophil'),
        ('Platetlets', 'platelet'),
        ('PLT', 'platelet'),
        (' red  blood-cell ', 'RBC'),
        ('wbc', 'WBC'),
        ('None', 'unidentified'),
        ('leishman_parasite', 'leishmania'),
        ('sickle cell', 'sickle cells'),
    ],
)
def test_resolve(taxonomy, name, resolved):
    assert taxonomy.resolve(name) == resolved


def test_every_class_and_synonym_resolves(taxonomy):
    for name in taxonomy:
        assert {taxonomy.resolve(spelling) for spelling in (name, *taxonomy.synonyms[name])} == {name}


def test_ancestors_and_is_a(taxonomy):
    assert taxonomy.ancestors('NGS') == ('neutrophil', 'WBC', 'blood cell', 'object')
    assert taxonomy.ancestors('object') == ()
    assert taxonomy.is_a('band neutrophil', 'leukocyte') and taxonomy.is_a('WBC', 'wbc')
    assert not taxonomy.is_a('WBC', 'band neutrophil') and not taxonomy.is_a('ring', 'RBC')
    assert all(taxonomy.is_a(name, 'object') for name in taxonomy)


@pytest.mark.parametrize(
    ('name', 'suggestion'),
    [
        ('neutrophill', 'nearest: neutrophil'),
        ('thrombocite', 'nearest: platelet'),
        ('qqqq', 'no class has a similar name'),
        ('', 'no class has a similar name'),
        (7, 'no class has a similar name'),
    ],
)
def test_unknown_name_suggests_the_nearest(taxonomy, name, suggestion):
    for lookup in (taxonomy.resolve, taxonomy.ancestors, lambda name: taxonomy.is_a('RBC', name)):
        with pytest.raises(InputError, match=suggestion) as error:
            lookup(name)
        assert '\n' not in str(error.value) and len(str(error.value)) < 200


def test_labels_of_the_paper(taxonomy):
    assert list(paper_labels('detection')) == list(range(1, 30))
    assert list(paper_labels('classification')) == list(range(45))
    for task in PAPER_TASKS:
        names = paper_labels(task).values()
        assert len(set(names)) == len(names)
        for name in names:
            taxonomy.resolve(name)
    with pytest.raises(InputError, match="'segmentation' is not known; use one of detection, classification"):
        paper_labels('segmentation')


def test_synthetic_classes_are_classes_of_the_tree(taxonomy):
    assert [taxonomy.resolve(name) for name in CLASSES] == list(CLASSES)


@pytest.mark.parametrize(
    ('classes', 'message'),
    [
        ('{a: {}, b: {parent: c}}', "b: parent: is 'c'"),
        ('{a: {}, b: {parent: b}}', "b: parent: is 'b'"),
        ('{a: {}, b: {}}', 'b: parent: is None'),
        ('{a: {parent: b}, b: {}}', "a: parent: is 'b'"),
        ('{a: {}, b: {parent: a, synonyms: [A]}}', "b: 'A' stands for a too"),
        ('{a: {}, b: {parent: a, synonyms: [x_y]}, x y: {parent: a}}', "x y: 'x y' stands for b too"),
        ('{a: {}, b: {parent: a, synonym: [c]}}', 'b: synonym: is not a field'),
    ],
)
def test_faulty_tree(classes, message):
    with pytest.raises(InputError, match=f'toy.yaml: {message}'):
        read_taxonomy(f'version: 1\nclasses: {classes}', 'toy.yaml')
