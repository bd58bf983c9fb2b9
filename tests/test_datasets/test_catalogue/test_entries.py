"""The YAML files of the catalogue: each is valid, and together they cover the paper's sets."""

from collections import Counter
from importlib import resources

import pytest
import yaml

from unihema_mm.datasets import catalogue
from unihema_mm.datasets.catalogue import entry_names, load_entry
from unihema_mm.datasets.converters import FORMATS
from unihema_mm.datasets.converters.readers import make_reader
from unihema_mm.datasets.schema import DataError
from unihema_mm.datasets.taxonomy import load_taxonomy

# What every file must say, 'unknown' where it is.
WRITTEN = {
    *('name', 'title', 'tasks', 'disease', 'prompt', 'stain', 'magnification', 'address', 'version'),
    *('licence', 'citation', 'classes', 'converter', 'parameters', 'expected', 'layout'),
}

# The lists of the paper's released code, and the sets that only its tables, file names or text name.
PAPER_ROWS = {
    'seg': [
        *('Malaria-Detection-2019', 'NuClick', 'KRD-WBC', 'WBC Image Dataset', 'SSL Seg'),
        *('White Blood Cell Dataset', 'ErythrocytesIDB', 'AneRBC-II Anemic', 'AneRBC-II Healthy', 'MP-IDB'),
        *('Elsafty RBCs for AI', 'BBBC041Seg', 'IDB2'),
    ],
    'det': [
        *('LeukemiaAttri', 'M5', 'TXL-PBC', 'BCCD', 'Sickle-cell', 'Plasmodium', 'Plasmodium phonecamera'),
        *('Tuberculosis phonecamera', 'Vivax', 'ThickBloodSmears', 'NIH-NLM-ThickPV', 'Parasite', 'Acevedo'),
        *('MP-IDB', 'Bio-Net', 'Raabin-M1', 'Raabin-M2'),
    ],
    'cls': [
        *('BMC (Matek)', 'AML Matek', 'AML Hehr', 'Raabin-WBC', 'Warty pig', 'LISC', 'KRD-WBC', 'BCCD'),
        *('HRLS', 'APL_AML', 'White-Blood-Cell-Dataset', 'Acevedo', 'RV-PBS', 'PBC-8-DA', 'C-NMC 2019'),
        *('BloodMNIST', 'protozoa', 'WBCAtt'),
    ],
    'vqa': ['WBCAtt-VQA'],
    'mlm': ['LeukemiaAttri-MLM'],
}


@pytest.fixture(scope='module')
def entries():
    return {name: load_entry(name) for name in entry_names()}


@pytest.mark.parametrize('name', entry_names())
def test_entry(name, entries):
    raw = yaml.safe_load((resources.files(catalogue) / f'{name}.yaml').read_text(encoding='utf-8'))
    assert set(raw) >= WRITTEN
    entry = entries[name]
    assert entry.name == name and entry.prompt.strip()
    assert entry.address == 'unknown' or entry.address.startswith(('https://', 'http://'))
    assert all(raw[field] for field in WRITTEN - {'classes', 'parameters'})
    taxonomy = load_taxonomy()
    assert [taxonomy.resolve(label) for label in entry.category_names] == entry.category_names
    if entry.expected:
        counted = (entry.expected.objects, entry.expected.image_classes)
        for counts in counted:
            assert not isinstance(counts, dict) or set(counts) <= set(entry.category_names)


@pytest.mark.parametrize('name', entry_names())
def test_converter(name, entries, tmp_path):
    entry = entries[name]
    if entry.has_converter:
        assert entry.converter in FORMATS and 'unknown' not in (entry.licence, entry.citation)
        make_reader(entry, tmp_path)
        return
    assert not entry.parameters
    with pytest.raises(
        DataError, match=f'^{name}.yaml: entry: converter: is none.*see "show {name}"'
    ) as error:
        make_reader(entry, tmp_path)
    assert '\n' not in str(error.value)


def test_every_row_of_the_paper_has_an_entry(entries):
    found = {task: set() for task in PAPER_ROWS}
    for entry in entries.values():
        for task, rows in entry.paper_rows.items():
            found[task] |= set(rows)
    assert found == {task: set(rows) for task, rows in PAPER_ROWS.items()}


def test_only_one_repository_stands_for_two_rows(entries):
    rows = Counter(
        (task, row) for entry in entries.values() for task, names in entry.paper_rows.items() for row in names
    )
    assert {row for (_, row), number in rows.items() if number > 1} == {'WBC Image Dataset', 'SSL Seg'}


def test_bccd_expects_its_published_counts(entries):
    expected = entries['bccd'].expected
    assert expected.exact and expected.images == {'train': 205, 'val': 87, 'test': 72}
    assert sum(expected.objects.values()) == 4886


def test_classes_of_wbcatt_add_up(entries):
    expected = entries['wbcatt'].expected
    assert sum(expected.image_classes.values()) == expected.num_images == 10298


def test_shared_images_are_told_on_both_sides(entries):
    pairs = {(name, other) for name, entry in entries.items() for other in entry.shares_images_with}
    assert ('cbc', 'bccd') in pairs and {(other, name) for name, other in pairs} == pairs
