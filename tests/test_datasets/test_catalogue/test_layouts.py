"""Miniatures of published layouts of sets whose images are not at hand, made from their entries."""

import json
import re

import cv2
import numpy as np
import pytest

from unihema_mm.datasets.catalogue import load_entry
from unihema_mm.datasets.converters import convert
from unihema_mm.datasets.converters.uni_hema_records import ATTRIBUTE_KEYS
from unihema_mm.datasets.validation import check_path

# Set -> folders of its classes, a file name of each (image, patient), and files that are no such images.
LAYOUTS = {
    'pbc_acevedo': (
        'PBC_dataset_normal_DIB/{}',
        {
            'basophil': 'BA_{}.jpg',
            'ig': 'MMY_{}.jpg',
            'neutrophil': 'SNE_{}.jpg',
            'platelet': 'PLATELET_{}.jpg',
        },
        (),
    ),
    'bmc_matek': (
        'BM_cytomorphology_data/{}',
        {'ABE': 'ABE_{}.jpg', 'ART/0001-1000': 'ART_{}.jpg', 'NGB/9001-9968': 'NGB_{}.jpg'},
        (),
    ),
    'aml_matek': (
        'AML-Cytomorphology_LMU/{}',
        {'BAS': 'BAS_{}.tiff', 'NGS': 'NGS_{}.tiff', 'PMB': 'PMB_{}.tiff.tiff'},
        ('annotations.dat', 'abbreviations.txt'),
    ),
    'bccd_crops': (
        'BCCD_cropped/{}',
        {'Basophil': 'BloodImage_{}_1.jpg', 'Neutrophil': 'BloodImage_1{}_1.jpg'},
        ('README.md', 'preprocess-bccd.ipynb'),
    ),
    'cnmc_2019': (
        'C-NMC_training_data/{}',
        {
            'fold_0/all': 'UID_1{1}_{0}_1_all.bmp',
            'fold_1/hem': 'UID_H{1}_{0}_1_hem.bmp',
            'fold_2/all': 'UID_2{1}_{0}_1_all.bmp',
        },
        ('C-NMC_test_prelim_phase_data/1.bmp',),
    ),
    'lisc': (
        'LISC Database/Main Dataset/{}',
        {'Baso': '{}.bmp', 'eosi': '{}.bmp', 'mixt': '{}.bmp', 'neut': '{}.bmp'},
        ('LISC Database/Ground Truth Segmentation/Baso/areaforexpert1/0_expert.bmp',),
    ),
    'raabin_wbc': (
        '{}',
        {
            'Train/Basophil': '{}.jpg',
            'Train/Neutrophil': '{}.jpg',
            'TestA/Monocyte': '{}.jpg',
            'TestB/Neutrophil': '{}.jpg',
        },
        (),
    ),
}
NUMBER = 10


@pytest.fixture
def miniature(tmp_path):
    """Callable set -> source folder with ten different images in each of its folders."""

    def make(name):
        root = tmp_path / 'source'
        folder, files, others = LAYOUTS[name]
        for index, (label, file) in enumerate(files.items()):
            for number in range(NUMBER):
                path = root / folder.format(label) / file.format(number, number // 2)
                path.parent.mkdir(parents=True, exist_ok=True)
                pixels = np.random.default_rng(index * NUMBER + number).integers(
                    0, 255, (24, 24, 3), np.uint8
                )
                path.write_bytes(cv2.imencode(path.suffix, pixels)[1].tobytes())
        for other in others:
            (root / other).parent.mkdir(parents=True, exist_ok=True)
            (root / other).write_bytes(b'0')
        return root

    return make


@pytest.mark.parametrize('name', LAYOUTS)
def test_miniature(name, miniature, tmp_path):
    entry = load_entry(name)
    report = convert(entry, miniature(name), tmp_path / 'out')
    ignored = entry.parameters.get('ignored_classes', [])
    folders = {label: {*label.split('/')} & {*entry.classes} for label in LAYOUTS[name][1]}
    expected = dict.fromkeys(entry.category_names, 0)
    for label, classes in folders.items():
        if label not in ignored:
            expected[entry.classes[classes.pop()]] += NUMBER
    found = dict.fromkeys(entry.category_names, 0)
    for split, counts in report.splits.items():
        assert counts['images'], split
        for label, number in counts['image_classes'].items():
            found[label] += number
    assert found == expected
    assert {*report.splits} == {'train', 'val', 'test'}
    assert len(report.changes.get('ignored_class', ())) == NUMBER * len(ignored)
    assert {*report.changes} <= {'held_out', 'ignored_class', 'split_missing', 'other_entry'}
    _check_groups(tmp_path / 'out', report.splits, entry.parameters.get('group'))
    assert check_path(tmp_path / 'out', decode=True).faults == []
    document = json.loads((tmp_path / 'out/annotations/train.json').read_text())
    assert document['images'][0]['tasks'] == ['cls'] and document['images'][0]['prompt'] == entry.prompt


def _check_groups(out, splits, pattern):
    """No patient, or image that cells were cut from, stands in two splits."""
    found = {}
    for split in splits if pattern else ():
        for image in json.loads((out / 'annotations' / f'{split}.json').read_text())['images']:
            found.setdefault(re.search(pattern, image['source'])['group'], set()).add(split)
    assert bool(found) == bool(pattern) and all(len(splits) == 1 for splits in found.values())


def test_miniature_with_masks_and_classes(tmp_path):
    root = tmp_path / 'source'
    (root / 'Dataset 2').mkdir(parents=True)
    for number in range(1, 11):
        pixels = np.random.default_rng(number).integers(0, 255, (24, 24, 3), np.uint8)
        mask = np.zeros((24, 24), np.uint8)
        mask[2:20, 2:20], mask[8:12, 8:12] = 127, 255
        for suffix, content in (('bmp', pixels), ('png', mask)):
            path = root / 'Dataset 2' / f'{number:03}.{suffix}'
            path.write_bytes(cv2.imencode(f'.{suffix}', content)[1].tobytes())
    lines = ''.join(f'{number},{number % 2 + 1}\n' for number in range(1, 11))
    (root / 'Class Labels of Dataset 2.csv').write_text(f'image ID,class\n{lines}')
    report = convert(load_entry('segmentation_wbc_2'), root, tmp_path / 'out')
    assert {*report.splits} == {'train', 'val', 'test'}
    assert report.counts('image_classes') == {'neutrophil': 5, 'lymphocyte': 5}
    assert report.counts('masks') == {'nucleus': 10, 'white blood cell': 10}
    assert len(report.changes['quantised_mask']) == 10
    assert check_path(tmp_path / 'out', decode=True).faults == []


CELL = dict(bbox=[2, 3, 10, 12], area=120, iscrowd=0, category_id=1, category_name='lymphoblast', cell_size=1)
CELL |= dict(nuclear_chromatio=1, nuclear_shape=2, nucleolus=0, cytoplasm=0, cytoplasmic_basophilia=1)
CELL |= dict(cytoplasmic_vacuoles=4)
NOTHING = dict.fromkeys(ATTRIBUTE_KEYS, 4) | dict(bbox=[1, 1, 5, 5], category_id=0, category_name='none')


def _write_leukemia_attri(root, split, stems):
    """Two cells on each image: one with attributes, and one that is none."""
    images, cells = [], []
    (root / 'Images' / split).mkdir(parents=True)
    (root / 'json_labels').mkdir(exist_ok=True)
    for number, stem in enumerate(stems):
        pixels = np.random.default_rng([number, len(stems)]).integers(0, 255, (24, 24, 3), np.uint8)
        content = cv2.imencode('.png', pixels)[1].tobytes()
        (root / 'Images' / split / f'{stem}.png').write_bytes(content)
        images.append(dict(id=number, file_name=f'{stem}.png', width=24, height=24))
        for cell in (NOTHING, CELL):
            cells.append(cell | dict(id=len(cells), image_id=number, cell_id=len(cells)))
    categories = [dict(id=0, name='none'), dict(id=1, name='lymphoblast')]
    document = dict(images=images, annotations=cells, categories=categories)
    (root / 'json_labels' / f'{split}.json').write_text(json.dumps(document))


def test_subset_of_leukemia_attri(tmp_path):
    """Cells with attributes; the patient of val is none of train."""
    source, out = tmp_path / 'H_100X_C2', tmp_path / 'out'
    names = [f'{patient}_{number}_1000_ALL' for patient in range(8) for number in range(3)]
    _write_leukemia_attri(source, 'train', names)
    _write_leukemia_attri(source, 'test', ['9_0_1000_AML', '9_1_1000_AML'])
    report = convert(load_entry('leukemia_attri'), source, out)
    numbers = {split: counts['images'] for split, counts in report.splits.items()}
    assert numbers == dict(train=21, val=3, test=2)
    assert report.counts('classes') == dict(unidentified=26, lymphoblast=26)
    assert len(report.changes['attribute_without_name']) == 26  # nuclear_shape 2
    document = json.loads((out / 'annotations' / 'val.json').read_text())
    patients = {image['source'].rpartition('/')[2].partition('_')[0] for image in document['images']}
    assert len(patients) == 1 and document['images'][0]['tasks'] == ['det', 'morph']
    values = dict(nuclear_chromatin='coarse', nucleolus='inconspicuous', cytoplasm='scanty')
    values['cytoplasmic_basophilia'] = 'moderate'
    assert [item.get('attributes') for item in document['annotations'][:2]] == [None, values]
    assert check_path(out, decode=True).faults == []
