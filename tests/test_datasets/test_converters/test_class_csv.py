import json

import pytest

from unihema_mm.datasets.catalogue import load_entry, read_entry
from unihema_mm.datasets.converters import convert
from unihema_mm.datasets.schema import DataError
from unihema_mm.datasets.validation import check_path

ENTRY = """
name: toy
tasks: [cls]
prompt: white blood cell
classes: {NEUTROPHIL: neutrophil, MONOCYTE: monocyte}
converter: class_csv
parameters: {images: 'cells/I_{key}.jpg', splits: {train: labels.csv}, %s}
"""
COLUMNS = 'image_column: Image, class_column: Category, digits: 3'


@pytest.fixture
def source(tmp_path, tools):
    """Callable csv text -> source folder with four images of their own bytes."""

    def make(text):
        root = tmp_path / 'source'
        for index in range(4):
            tools.image(root / 'cells' / f'I_00{index}.jpg', width=20 + index)
        tools.text(root / 'labels.csv', text)
        return root

    return make


def run(source, parameters=COLUMNS, out='out', text=ENTRY):
    out = source.parent / out
    return convert(read_entry(text % parameters, 'toy.yaml'), source, out), out


def classes(out, split='train'):
    document = json.loads((out / 'annotations' / f'{split}.json').read_text())
    return {image['file_name']: image['class_name'] for image in document['images']}


def table(*rows):
    return '\n'.join([',Image,Category', *rows]) + '\n'


def test_names_without_leading_zeros_and_blank_lines(source):
    root = source(table(',0,NEUTROPHIL', '', ',,', ',1, MONOCYTE ', ',002,MONOCYTE', ',3,NEUTROPHIL'))
    report, out = run(root)
    assert classes(out) == {
        'images/I_000.jpg': 'neutrophil',
        'images/I_001.jpg': 'monocyte',
        'images/I_002.jpg': 'monocyte',
        'images/I_003.jpg': 'neutrophil',
    }
    assert report.changes == {} and check_path(out, decode=True).faults == []


def test_lines_with_several_classes_and_with_none(source):
    rows = (',0,"NEUTROPHIL, MONOCYTE"', ',1,"MONOCYTE,MONOCYTE"', ',2,', ',3,MONOCYTE')
    root = source(table(*rows))
    several = f"{COLUMNS}, separator: ','"
    with pytest.raises(
        DataError, match=r'line 2: class: has several classes \(NEUTROPHIL, MONOCYTE\); .*several'
    ):
        run(root, several)
    with pytest.raises(DataError, match='line 4: class: is empty; correct the line, or set blank: skip'):
        run(root, f'{several}, several: skip')
    report, out = run(root, f'{several}, several: skip, blank: skip')
    assert classes(out) == {'images/I_001.jpg': 'monocyte', 'images/I_003.jpg': 'monocyte'}
    assert report.changes == {
        'several_classes': ['labels.csv: line 2: 000: NEUTROPHIL, MONOCYTE'],
        'one_class_twice': ['labels.csv: line 3: 001: MONOCYTE,MONOCYTE'],
        'blank_class': ['labels.csv: line 4: 002: '],
    }
    with pytest.raises(DataError, match="'NEUTROPHIL, MONOCYTE' is not a known class"):
        run(root, f'{COLUMNS}, blank: skip', 'other')


def test_tables_without_headings_of_several_files_and_splits(source, tools):
    root = source('MONOCYTE;cells;000\n')
    tools.text(root / 'more.csv', 'NEUTROPHIL;cells;001\n')
    tools.text(root / 'test.csv', 'NEUTROPHIL;cells;002\nsmudge;cells;003\n')
    text = ENTRY.replace('labels.csv}', '[labels.csv, more.csv], test: test.csv}')
    numbers = "image_column: 3, class_column: 1, header: false, delimiter: ';', ignored_classes: [smudge]"
    report, out = run(root, numbers, text=text)
    assert classes(out) == {'images/I_000.jpg': 'monocyte', 'images/I_001.jpg': 'neutrophil'}
    assert classes(out, 'test') == {'images/I_002.jpg': 'neutrophil'}
    assert report.changes == {'ignored_class': ['test.csv: line 2: 003: smudge']}


def test_lines_without_image_and_images_without_line(source):
    root = source(table(',0,MONOCYTE', ',9,MONOCYTE'))
    with pytest.raises(DataError, match=r'labels.csv: line 3: 009: file: image: its image does not exist'):
        run(root)
    with pytest.raises(DataError, match=r'cells/I_001.jpg: file: label: its label file') as raised:
        run(root, f'{COLUMNS}, unpaired: skip')
    assert 'unlabelled skip' in str(raised.value) and 'background' not in str(raised.value)
    report, _ = run(root, f'{COLUMNS}, unpaired: skip, unlabelled: skip')
    assert report.changes == {
        'label_without_image': ['labels.csv: line 3: 009'],
        'image_without_label': [f'cells/I_00{index}.jpg' for index in (1, 2, 3)],
    }


@pytest.mark.parametrize(
    ('rows', 'parameters', 'message'),
    [
        ((',0,MONOCYTE', ',00,MONOCYTE'), COLUMNS, "line 3: image: '000' stands in labels.csv: line 2 too"),
        ((',0,MONOCYT',), COLUMNS, r"class: 'MONOCYT' is not a known class \(nearest: MONOCYTE; in the tax"),
        ((',0,MONOCYTE',), 'image_column: Image, class_column: Class', "column 'Class' is missing"),
        ((',0,MONOCYTE',), 'image_column: Image', 'parameters.class_column: is missing; add it'),
        ((',0,MONOCYTE',), f'{COLUMNS}, blank: keep', r"parameters.blank: is 'keep'; use one of error, skip"),
    ],
)
def test_faulty_tables_and_parameters(source, rows, parameters, message):
    with pytest.raises(DataError, match=message) as error:
        run(source(table(*rows)), f'{parameters}, unlabelled: skip')
    assert '\n' not in str(error.value)


def test_absent_table(source):
    root = source('')
    (root / 'labels.csv').unlink()
    with pytest.raises(DataError, match=r'labels.csv: file: path: does not exist; check --src'):
        run(root)


BANIK = """
name: bccd_classes
tasks: [cls]
prompt: white blood cell
classes: {NEUTROPHIL: neutrophil, EOSINOPHIL: eosinophil, BASOPHIL: basophil, LYMPHOCYTE: lymphocyte,
          MONOCYTE: monocyte}
converter: class_csv
parameters:
  images: bccd/BCCD/JPEGImages/BloodImage_{key}.jpg
  splits: {train: bccd_nucleus_masks_banik/wbc_nucleus_seg_localz/Datasets/Input/BCCD/labels.csv}
  image_column: Image
  class_column: Category
  digits: 5
  separator: ','
  several: skip
  blank: skip
  unpaired: skip
  unlabelled: skip
"""


def test_labels_of_bccd(sample, tmp_path):
    """411 lines, 15 of them with two classes, 7 of those the same twice; 364 images."""
    source = sample('bccd').parent
    sample('bccd_nucleus_masks_banik')
    report = convert(read_entry(BANIK, 'banik.yaml'), source, tmp_path / 'out', images='symlink')
    assert {code: len(items) for code, items in report.changes.items()} == {
        'label_without_image': 47,
        'blank_class': 1,
        'several_classes': 8,
        'one_class_twice': 7,
    }
    assert report.total('images') == 364 - 8 - 1 == 411 - 47 - 8 - 1
    assert report.splits['train']['image_classes'] == {
        'neutrophil': 209,
        'eosinophil': 89,
        'basophil': 3,
        'lymphocyte': 34,
        'monocyte': 20,
    }


def test_classes_of_segmentation_wbc(sample, tmp_path):
    source, entry = sample('segmentation_wbc'), load_entry('segmentation_wbc')
    text = f"""
name: cells
tasks: [cls]
prompt: white blood cell
classes: {entry.classes}
converter: class_csv
parameters: {{images: 'Dataset 1/{{key}}.bmp', splits: {{train: Class Labels of Dataset 1.csv}}, digits: 3,
             image_column: image ID, class_column: class label}}
"""
    report = convert(read_entry(text, 'cells.yaml'), source, tmp_path / 'out', images='symlink')
    assert report.splits['train']['image_classes'] == entry.expected.image_classes
    assert set(report.changes) == {'other_entry'} and all('.png' in x for x in report.changes['other_entry'])
