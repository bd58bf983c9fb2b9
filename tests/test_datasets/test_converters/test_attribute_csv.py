import json
from collections import Counter

import pytest

from unihema_mm.datasets.catalogue import load_entry, read_entry
from unihema_mm.datasets.converters import convert
from unihema_mm.datasets.schema import DataError
from unihema_mm.datasets.validation import check_path
from unihema_mm.structures.attribute_values import load_attribute_values

ENTRY = """
name: toy
tasks: [cls]
prompt: complete blood count
classes: {Neutrophil: neutrophil, Monocyte: monocyte}
attributes: wbcatt
converter: attribute_csv
parameters:
  images: 'pictures/*/{key}'
  tables: {train: train.csv, test: test.csv}
  image_column: name
  class_column: label
  ignored_columns: [path]
"""
HEADINGS = 'name,label,cell_size,granule_type,path\n'


@pytest.fixture
def source(tmp_path, tools):
    """Four images in two folders, three in train and one in test."""
    root = tmp_path / 'source'
    for name in ('one/a.jpg', 'one/b.jpg', 'two/c.jpg', 'two/d.jpg'):
        tools.image(root / 'pictures' / name)
    train = 'c.jpg,Monocyte,big,nil,x\na.jpg,Neutrophil,small,,x\nb.jpg,Neutrophil,big,small,x\n'
    tools.text(root / 'train.csv', HEADINGS + train)
    tools.text(root / 'test.csv', HEADINGS + 'd.jpg,Monocyte,big,nil,x\n')
    return root


def run(source, text=ENTRY, out='out', **options):
    out = source.parent / out
    return convert(read_entry(text, 'toy.yaml'), source, out, **options), out


def read(out, split='train'):
    return json.loads((out / 'annotations' / f'{split}.json').read_text())


def test_classes_and_attributes(source):
    report, out = run(source)
    document = read(out)
    assert document['info']['attributes'] == {
        name: list(values) for name, values in load_attribute_values('wbcatt').items()
    }
    assert [image['file_name'] for image in document['images']] == [f'images/{name}.jpg' for name in 'cab']
    assert document['images'][1] == {
        'id': 2,
        'file_name': 'images/a.jpg',
        'width': 40,
        'height': 30,
        'tasks': ['cls'],
        'prompt': 'complete blood count',
        'class_name': 'neutrophil',
        'attributes': {'cell_size': 'small'},
        'source': 'pictures/one/a.jpg',
    }
    assert document['annotations'] == []
    assert report.splits['train']['image_classes'] == {'neutrophil': 2, 'monocyte': 1}
    assert report.splits['train']['attributes']['cell_size'] == {'small': 1, 'big': 2}
    assert report.splits['train']['attributes']['granularity'] == {'yes': 0, 'no': 0}
    assert check_path(out, decode=True).faults == []


def test_names_are_mapped(source, tools):
    tools.text(source / 'map.csv', 'old,new\nA.bmp,a.jpg\n')
    text = ENTRY + '  name_map: {file: map.csv, key: old, value: new}\n  unpaired: skip\n  unlabelled: skip\n'
    tools.text(source / 'train.csv', HEADINGS + 'A.bmp,Neutrophil,big,nil,x\na.jpg,Neutrophil,big,nil,x\n')
    report, out = run(source, text)
    assert [image['source'] for image in read(out)['images']] == ['pictures/one/a.jpg']
    assert report.changes == {
        'label_without_image': ['train.csv: a.jpg', 'test.csv: d.jpg'],
        'image_without_label': ['pictures/one/b.jpg', 'pictures/two/c.jpg', 'pictures/two/d.jpg'],
    }


@pytest.mark.parametrize(
    ('lines', 'message'),
    [
        ('e.jpg,Neutrophil,big,nil,x\n', 'train.csv: e.jpg: file: image: its image does not exist'),
        ('a.jpg,Neutrophil,big,nil,x\n', 'label: its label file does not exist'),
        ('d.jpg,Neutrophil,big,nil,x\n', 'd.jpg: file: split: is in train and in test'),
        ('../../a.jpg,Neutrophil,big,nil,x\n', 'its image does not exist'),
    ],
)
def test_missing_counterparts_and_two_splits(source, tools, lines, message):
    if lines.startswith('d'):
        lines = (source / 'train.csv').read_text().removeprefix(HEADINGS) + lines
    tools.text(source / 'train.csv', HEADINGS + lines)
    with pytest.raises(DataError, match=message):
        run(source)


def test_every_unknown_value_is_told(source, tools):
    tools.text(
        source / 'train.csv',
        'name,label,cell_sise,granule_type,path\n'
        'a.jpg,Neutrophil,big,huge,x\nb.jpg,neutrophil,,nil,x\nc.jpg,Monocyte,,,x\n',
    )
    with pytest.raises(DataError) as error:
        run(source)
    text = '\n'.join(map(str, error.value.faults))
    assert len(error.value.faults) == 3
    assert 'one/a.jpg: image: attributes.cell_sise: is not a known attribute (nearest: cell_size' in text
    assert "attributes.granule_type: is 'huge'; use one of small, round" in text
    assert "one/b.jpg: image: class: 'neutrophil' is not a known class (nearest: Neutrophil" in text


def test_image_listed_twice(source, tools):
    tools.text(source / 'train.csv', (source / 'train.csv').read_text() + 'a.jpg,Monocyte,big,nil,x\n')
    with pytest.raises(DataError, match=r'would both become images/a.jpg'):
        run(source)


def test_absent_table_and_column(source, tools):
    tools.text(source / 'test.csv', 'name,label\nd.jpg,Monocyte\n')
    with pytest.raises(DataError, match=r"test.csv: line 1: columns: column 'path' is missing"):
        run(source)
    (source / 'test.csv').unlink()
    with pytest.raises(DataError, match=r'test.csv: file: path: does not exist'):
        run(source)


def test_wbcatt_beside_the_images_of_pbc(tmp_path, tools):
    """The layout of the whole WBCAtt; three of the four images have a line."""
    source = tmp_path / 'source'
    for name in ('neutrophil/BNE_1', 'neutrophil/SNE_2', 'monocyte/MO_3', 'ig/MY_4'):
        tools.image(source / 'PBC_dataset_normal_DIB' / f'{name}.jpg')
    values = {name: values[0] for name, values in load_attribute_values('wbcatt').items()}
    headings = ','.join(['img_name', 'label', *values, 'path'])
    lines = {'train': ('BNE_1', 'Neutrophil'), 'val': ('SNE_2', 'Neutrophil'), 'test': ('MO_3', 'Monocyte')}
    for split, (name, label) in lines.items():
        row = ','.join([f'{name}.jpg', label, *values.values(), 'anywhere'])
        tools.text(source / 'wbcatt/submission' / f'pbc_attr_v1_{split}.csv', f'{headings}\n{row}\n')
    report = convert(load_entry('wbcatt'), source, tmp_path / 'out')
    assert {split: counts['images'] for split, counts in report.splits.items()} == {
        'train': 1,
        'val': 1,
        'test': 1,
    }
    assert report.changes == {'image_without_label': ['PBC_dataset_normal_DIB/ig/MY_4.jpg']}
    assert read(tmp_path / 'out', 'test')['images'][0]['attributes'] == values
    assert '1 images of train, expected 6169' in report.differences


def test_pbc_wbcatt_sample(sample, tmp_path):
    source = sample('wbcatt').parent
    sample('txl_pbc_v2')
    report = convert(load_entry('pbc_wbcatt'), source, tmp_path, images='symlink')
    assert report.differences == []
    assert {code: len(items) for code, items in report.changes.items()} == {
        'suffix': 362,
        'label_without_image': 7199 - 362,
        'held_out': 48,
    }
    assert Counter(report.splits['test']['image_classes']) == {
        'neutrophil': 9,
        'eosinophil': 8,
        'basophil': 10,
        'lymphocyte': 13,
        'monocyte': 8,
    }
    for split in report.splits:
        assert all(len(image['attributes']) == 11 for image in read(tmp_path, split)['images'])
