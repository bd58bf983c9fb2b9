import pytest

from unihema_mm.datasets.catalogue import load_entry, read_entry
from unihema_mm.datasets.catalogue.checks import check_shared_images, check_taxonomy
from unihema_mm.datasets.schema import DataError

MINIMAL = """
name: toy
tasks: [det]
prompt: Malaria
classes: {a: A, b: A}
converter: voc
parameters: {}
"""


def test_defaults_and_merged_classes():
    entry = read_entry(MINIMAL, 'toy.yaml')
    assert entry.stain == entry.licence == 'unknown' and entry.expected is None
    assert entry.category_names == ['A']


def test_attribute_set_and_sets_without_classes():
    entry = read_entry(MINIMAL + 'attributes: leukemia_attri\n', 'toy.yaml')
    assert len(entry.attribute_values) == 6 and read_entry(MINIMAL, 'toy.yaml').attribute_values == {}
    assert read_entry(MINIMAL.replace('{a: A, b: A}', '{}').replace('det', 'seg'), 'toy.yaml').classes == {}


def test_entry_outside_the_catalogue(tmp_path):
    path = tmp_path / 'mine.yaml'
    path.write_text(MINIMAL)
    assert load_entry(str(path)).name == 'toy'
    path.write_bytes(b'name: \xff')
    with pytest.raises(DataError, match=r'mine.yaml: file: path: cannot be read \(it is not UTF-8\)'):
        load_entry(str(path))


def test_unknown_data_set_suggests_the_nearest():
    with pytest.raises(DataError, match=r'nearest: bccd.*use a name that the command list prints'):
        load_entry('bcdd')


def test_described_set_without_converter():
    text = MINIMAL.replace('converter: voc', 'converter: none').replace('{a: A, b: A}', 'unknown')
    entry = read_entry(text + 'expected: unknown\n', 'toy.yaml')
    assert not entry.has_converter and entry.classes == {} and entry.expected is None
    assert read_entry(MINIMAL, 'toy.yaml').has_converter


def test_number_of_expected_images():
    counted = MINIMAL + 'expected: {exact: false, images: %s, source: its paper}\n'
    for images, number in (('7', 7), ('{train: 5, test: 2}', 7), ('0', 0)):
        expected = read_entry(counted % images, 'toy.yaml').expected
        assert expected.num_images == number and expected.source == 'its paper'


@pytest.mark.parametrize(
    ('name', 'message'),
    [
        (
            'Neutrofil',
            "toy.yaml: entry: classes: class 'Neutrofil' is not in the taxonomy .nearest: neutrophil",
        ),
        ('NGS', "'NGS' is a synonym; write 'segmented neutrophil'"),
        ('rbc', "'rbc' is a synonym; write 'RBC'"),
    ],
)
def test_classes_outside_the_taxonomy(name, message):
    entry = read_entry(MINIMAL.replace('b: A', f'b: {name}').replace('a: A', 'a: WBC'), 'toy.yaml')
    faults = check_taxonomy(entry, 'toy.yaml')
    assert len(faults) == 1 and str(faults[0]).count('\n') == 0
    with pytest.raises(DataError, match=message):
        raise DataError(faults)


@pytest.mark.parametrize(
    ('old', 'new', 'message'),
    [
        ('name: toy\n', '', 'toy.yaml: entry: name: is missing'),
        ('prompt: Malaria', 'promt: Malaria', r'promt: is not a field \(nearest: prompt'),
        ('tasks: [det]', 'tasks: [detect]', 'entry: tasks: is'),
        ('{a: A, b: A}', '[a, b]', 'entry: classes: is'),
        ('{a: A, b: A}', '{0: A}', 'entry: classes: is'),
        ('prompt: Malaria', 'prompt: 5', 'entry: prompt: is 5; write a text'),
        ('parameters: {}', 'parameters: {}\nexpected: {images: 5}', 'entry: expected: is'),
        (
            'parameters: {}',
            'parameters: {}\nexpected: {exact: true, images: {dev: 5}, objects: 3}',
            'entry: expected: is',
        ),
        ('tasks: [det]', 'tasks: [det', 'is not YAML'),
        ('{a: A, b: A}', '{}', 'entry: classes: is empty'),
        ('tasks: [det]', 'tasks: [det]\nattributes: wbcat', "attributes: is 'wbcat'; use one of .*wbcatt"),
        ('parameters: {}', 'parameters: {}\nexpected: {exact: true, images: 5, masks: 3}', 'expected: is'),
        ('parameters: {}', 'parameters: {}\nexpected: {exact: true, images: 5, source: 3}', 'expected: is'),
        ('parameters: {}', 'parameters: {}\nexpected: {exact: true, images: yes}', 'expected: is'),
        ('parameters: {}', 'parameters: {}\npaper_rows: {det: BCCD}', r'paper_rows: is .*write task: \['),
        ('parameters: {}', 'parameters: {}\npaper_rows: {boxes: [BCCD]}', 'paper_rows: is'),
        ('parameters: {}', 'parameters: {}\nshares_images_with: cbc', "shares_images_with: is 'cbc'; list"),
        ('parameters: {}', 'parameters: {}\nshares_images_with: [cbc, cbc]', 'shares_images_with: is'),
        ('parameters: {}', 'parameters: []', 'parameters: is'),
        ('{a: A, b: A}', 'unknown', 'classes: is unknown; a set with a converter needs its classes'),
        ('{a: A, b: A}', 'anything', "classes: is 'anything'"),
    ],
)
def test_faulty_entry(old, new, message):
    with pytest.raises(DataError, match=message) as error:
        read_entry(MINIMAL.replace(old, new), 'toy.yaml')
    assert '\n' not in str(error.value)


def test_shared_images_name_other_sets_of_the_catalogue():
    entry = read_entry(MINIMAL + 'shares_images_with: [bccd, bcdd, toy]\n', 'toy.yaml')
    faults = [str(fault) for fault in check_shared_images(entry, 'toy.yaml', ['bccd', 'cbc', 'toy'])]
    assert len(faults) == 2 and "'toy' is no other set" in faults[1]
    assert (
        "toy.yaml: entry: shares_images_with: 'bcdd' is no other set of the catalogue (nearest: bccd"
        in faults[0]
    )
