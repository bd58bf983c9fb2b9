import pytest

from unihema_mm.datasets.text_generation.class_words import ClassWords
from unihema_mm.datasets.text_generation.facts import CellGroup, read_facts


def facts_of(document):
    names = [category['name'] for category in document['categories']]
    return read_facts(document, ClassWords(names, document['info']['dataset']))


def test_counts_of_whole_images(make_document, add_image):
    document = make_document()
    add_image(document, ['RBC', 'RBC', 'platelet'])
    add_image(document)
    first, second = facts_of(document)
    assert first.counts == {'RBC': 2, 'WBC': 0, 'platelet': 1}
    assert second.counts == {'RBC': 0, 'WBC': 0, 'platelet': 0}
    assert first.class_name is None and first.attributes == {} and first.groups == ()


def test_a_class_that_the_set_does_not_annotate_is_never_counted(make_document, add_image):
    document = make_document(classes=['RBC'])
    add_image(document, ['RBC'])
    assert facts_of(document)[0].counts == {'RBC': 1}


@pytest.mark.parametrize(
    ('tasks', 'fields'), [(['cls'], {}), (['det'], {'partly_labelled': True}), (['seg', 'vqa'], {})]
)
def test_images_without_a_statement_about_absence(make_document, add_image, tasks, fields):
    document = make_document()
    add_image(document, [('RBC', {'a': 'b'})], tasks=tasks, **fields)
    fact = facts_of(document)[0]
    assert fact.counts == {} and fact.groups == ()


def test_crowds_and_vague_objects_are_not_counted(make_document, add_image):
    document = make_document(classes=['RBC', 'difficult'])
    add_image(document, ['RBC', 'RBC'])
    add_image(document, ['RBC', 'difficult'])
    document['annotations'][0]['iscrowd'] = 1
    assert [fact.counts for fact in facts_of(document)] == [{}, {}]


def test_images_known_to_lack_labels(make_document, add_image):
    document = make_document(dataset='bccd')
    add_image(document, ['RBC', 'platelet'])
    add_image(document, ['RBC', 'WBC'])
    first, second = facts_of(document)
    assert first.counts == {} and second.counts == {'RBC': 1, 'WBC': 1, 'platelet': 0}


def test_class_and_attributes_of_a_single_cell(make_document, add_image):
    document = make_document(classes=['RBC', 'artefact'])
    add_image(document, tasks=['cls'], class_name='RBC', attributes={'cell_size': 'big'})
    add_image(document, tasks=['cls'], class_name='artefact')
    first, second = facts_of(document)
    assert (first.class_name, first.attributes) == ('RBC', {'cell_size': 'big'})
    assert (second.class_name, second.attributes) == (None, {})


def test_groups_need_attributes_in_all_their_objects(make_document, add_image):
    document = make_document()
    add_image(
        document, [('WBC', {'x': 'a', 'y': 'b'}), ('WBC', {'x': 'a', 'y': 'c'}), 'RBC', ('RBC', {'x': 'a'})]
    )
    group = CellGroup('WBC', ({'x': 'a', 'y': 'b'}, {'x': 'a', 'y': 'c'}))
    assert facts_of(document)[0].groups == (group,) and group.shared == {'x': 'a'}
