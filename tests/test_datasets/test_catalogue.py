import pytest

from unihema_mm.datasets.catalogue import entry_names, load_entry, read_entry
from unihema_mm.datasets.converters import FORMATS
from unihema_mm.datasets.schema import DataError

MINIMAL = """
name: toy
tasks: [det]
prompt: Malaria
classes: {a: A, b: A}
converter: voc
parameters: {}
"""


@pytest.mark.parametrize('name', entry_names())
def test_shipped_entries(name):
    entry = load_entry(name)
    assert entry.name == name
    assert entry.converter in FORMATS
    assert entry.address.startswith('https://') and entry.licence != 'unknown' and entry.citation != 'unknown'


def test_bccd_expects_its_published_counts():
    expected = load_entry('bccd').expected
    assert expected.exact and expected.images == {'train': 205, 'val': 87, 'test': 72}
    assert sum(expected.objects.values()) == 4886


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


def test_unknown_data_set_lists_the_known_ones():
    with pytest.raises(DataError, match=r'nearest: bccd.*use one of bccd, bccd_nuclei, pbc_wbcatt'):
        load_entry('bcdd')


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
    ],
)
def test_faulty_entry(old, new, message):
    with pytest.raises(DataError, match=message) as error:
        read_entry(MINIMAL.replace(old, new), 'toy.yaml')
    assert '\n' not in str(error.value)
