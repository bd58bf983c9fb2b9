"""Miniatures of published layouts of sets whose images are not at hand, made from their entries."""

import json

import cv2
import numpy as np
import pytest

from unihema_mm.datasets.catalogue import load_entry
from unihema_mm.datasets.converters import convert
from unihema_mm.datasets.validation import check_path

# Set -> folders of its classes, a file name of each, and files that are no images of a class.
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
                path = root / folder.format(label) / file.format(number)
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
    assert check_path(tmp_path / 'out', decode=True).faults == []
    document = json.loads((tmp_path / 'out/annotations/train.json').read_text())
    assert document['images'][0]['tasks'] == ['cls'] and document['images'][0]['prompt'] == entry.prompt
