import json

import pytest

from unihema_mm.datasets.catalogue import read_entry
from unihema_mm.datasets.converters import convert, own_entry
from unihema_mm.datasets.schema import DataError
from unihema_mm.datasets.validation import check_path

ENTRY = """
name: toy
tasks: [cls]
prompt: white blood cell
classes: {BNE: band neutrophil, MO: monocyte}
converter: class_folders
parameters: {%s}
"""


@pytest.fixture
def source(tmp_path, tools):
    """Callable names -> source folder with an image of its own bytes under each name."""

    def make(*names):
        root = tmp_path / 'source'
        for index, name in enumerate(names):
            tools.image(root / name, suffix=f'.{name.rpartition(".")[2]}', width=20 + index)
        return root

    return make


def run(source, parameters='', out='out', entry=ENTRY):
    out = source.parent / out
    return convert(read_entry(entry % parameters, 'toy.yaml'), source, out), out


def files(out, split='train'):
    document = json.loads((out / 'annotations' / f'{split}.json').read_text())
    return {image['file_name']: image['class_name'] for image in document['images']}


def test_folder_per_class(source):
    root = source('MO/1.jpg', 'BNE/1.jpg', 'BNE/2.jpg')
    report, out = run(root)
    document = json.loads((out / 'annotations' / 'train.json').read_text())
    assert files(out) == {
        'images/BNE/1.jpg': 'band neutrophil',
        'images/BNE/2.jpg': 'band neutrophil',
        'images/MO/1.jpg': 'monocyte',
    }
    assert document['images'][2]['source'] == 'MO/1.jpg' and document['images'][2]['tasks'] == ['cls']
    assert report.splits['train']['image_classes'] == {'band neutrophil': 2, 'monocyte': 1}
    assert report.changes == {} and check_path(out, decode=True).faults == []


@pytest.mark.parametrize(
    ('pattern', 'names'),
    [
        ('set/{split}/{class}/*', ('set/train/MO/a.png', 'set/val/MO/b.png', 'set/test/BNE/c.png')),
        ('set/{class}/{split}/*', ('set/MO/train/a.png', 'set/MO/val/b.png', 'set/BNE/test/c.png')),
    ],
)
def test_splits_around_and_inside_the_classes(source, pattern, names):
    report, out = run(source(*names), f"images: '{pattern}'")
    classes = {'train': 'monocyte', 'val': 'monocyte', 'test': 'band neutrophil'}
    for name, (split, label) in zip(names, classes.items(), strict=True):
        assert files(out, split) == {name.replace('set', 'images', 1): label}
    assert report.changes == {}


def test_named_split_folders(source):
    root = source('Train/MO/a.jpg', 'TestA/MO/a.jpg', 'TestB/BNE/a.jpg', 'Extra/MO/b.jpg')
    report, out = run(root, 'splits: {train: Train, val: Valid, test: [TestA, TestB]}')
    assert files(out, 'test') == {
        'images/TestA/MO/a.jpg': 'monocyte',
        'images/TestB/BNE/a.jpg': 'band neutrophil',
    }
    assert report.changes == {'unlisted_image': ['Extra/MO/b.jpg'], 'split_missing': ['val: Valid']}


def test_folders_of_numbers_below_some_classes_and_images_elsewhere(source):
    root = source('data/MO/a.jpg', 'data/BNE/0001-1000/b.jpg', 'data/BNE/1001-2000/c.jpg', 'data/title.jpg')
    report, out = run(root, "images: 'data/{class}/**/*'")
    assert list(files(out)) == ['images/BNE/0001-1000/b.jpg', 'images/BNE/1001-2000/c.jpg', 'images/MO/a.jpg']
    assert report.changes == {'unmatched_image': ['data/title.jpg']}
    report, _ = run(root, "images: 'data/{class}/*'", 'flat')
    assert report.changes['unmatched_image'] == [
        'data/BNE/0001-1000/b.jpg',
        'data/BNE/1001-2000/c.jpg',
        'data/title.jpg',
    ]


def test_ignored_classes_and_held_out_images(source):
    names = [f'{name}/{index}.jpg' for name in ('BNE', 'MO') for index in range(10)]
    report, out = run(source(*names, 'mixt/x.jpg'), 'ignored_classes: [mixt], hold_out: {val: 0.2}')
    assert report.changes['ignored_class'] == ['mixt/x.jpg']
    assert sorted(files(out, 'val').values()) == ['band neutrophil'] * 2 + ['monocyte'] * 2
    assert len(files(out)) == 16


def test_unknown_class_is_told_once_per_folder(source):
    root = source('BNE/1.jpg', 'SNE/2.jpg', 'SNE/3.jpg')
    with pytest.raises(DataError) as error:
        run(root)
    (fault,) = error.value.faults
    assert "classes: 'SNE' is not a known class (nearest: BNE; in the taxonomy: segmented" in str(fault)
    assert not (root.parent / 'out').exists()


def test_other_files_and_hidden_folders(source, tools):
    root = source('BNE/1.jpg', '.hidden/2.jpg')
    tools.text(root / 'BNE' / 'Thumbs.db', '')
    tools.text(root / 'counts.csv', '')
    (root / 'empty').mkdir()
    report, out = run(root)
    assert list(files(out)) == ['images/BNE/1.jpg'] and report.changes == {'other_entry': ['BNE/Thumbs.db']}


@pytest.mark.parametrize(
    ('parameters', 'message'),
    [
        ("images: '{split}/*'", r"pattern: is '\{split\}/\*'; write \{class\} for the folder of a class"),
        ("images: '{class}_*'", 'pattern: is .*write'),
        ("images: '{class}/{key}'", 'pattern: is .*write'),
        ("images: '{class}/{split}_*'", 'pattern: is .*write'),
        ("images: '../{class}/*'", 'pattern: is .*write a path relative to --src'),
        ("images: 'data/{class}/*'", "source: folder: images: no image fits 'data/"),
        ("images: '{class}/*', splits: {train: x}", r'which has no \{split\}; add \{split\}, or drop'),
        ('splits: {dev: x}', 'splits: dev: is not a split'),
        ('splits: {train: BNE, val: [MO, BNE]}', "splits: val: 'BNE' is val and train; name a folder once"),
    ],
)
def test_faulty_parameters(source, parameters, message):
    names = ('BNE/MO/1.jpg', 'MO/BNE/2.jpg') if 'splits' in parameters else ('BNE/1.jpg', 'MO/2.jpg')
    with pytest.raises(DataError, match=message) as error:
        run(source(*names), parameters)
    assert '\n' not in str(error.value)


def test_own_folders(source, tmp_path):
    root = source('train/ring/1.jpg', 'train/RBC/2.jpg', 'val/ring/3.jpg')
    entry = own_entry('class_folders', root, 'mine', {'images': '{split}/{class}/*'}, prompt='Malaria')
    assert entry.classes == {'RBC': 'RBC', 'ring': 'ring'} and entry.tasks == ['cls']
    report = convert(entry, root, tmp_path / 'mine')
    assert {split: counts['images'] for split, counts in report.splits.items()} == {'train': 2, 'val': 1}
    renamed = own_entry('class_folders', root, 'mine', {'splits': {'train': 'train'}}, classes={'ring': 'r'})
    with pytest.raises(DataError, match="'RBC' is not a known class"):
        convert(renamed, root, tmp_path / 'other')


def test_folders_of_diseases_of_chula(sample, tmp_path):
    """Images of a disease each, in folders with blanks in their names and with suffixes in capitals."""
    source = sample('chula_rbc12')
    layout = {'images': 'RBC Diseases/{class}/*', 'hold_out': {'val': 5}}
    report = convert(own_entry('class_folders', source, 'chula', layout), source, tmp_path / 'out')
    assert report.counts('image_classes') == {
        'HE': 3,
        'HS': 5,
        'Iron deficiency anemia': 3,
        'Megaloblastic anemia': 3,
        'Thalassemia': 3,
    }
    assert [counts['images'] for counts in report.splits.values()] == [12, 5]
    assert report.splits['val']['image_classes'].keys() >= {'HS', 'Thalassemia'}
    assert check_path(tmp_path / 'out', decode=True).faults == []
    document = json.loads((tmp_path / 'out' / 'annotations' / 'train.json').read_text())
    for image in document['images']:
        assert (tmp_path / 'out' / image['file_name']).read_bytes() == (source / image['source']).read_bytes()
        size = (640, 480) if image['class_name'] == 'HS' else (1280, 960)
        assert (image['width'], image['height']) == size
