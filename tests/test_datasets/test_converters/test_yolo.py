import json
import os

import pytest

from unihema_mm.datasets.catalogue import load_entry
from unihema_mm.datasets.converters import convert, own_entry
from unihema_mm.datasets.schema import DataError
from unihema_mm.datasets.validation import check_path


def run(yolo, tmp_path, classes=None, **parameters):
    return convert(own_entry('yolo', yolo, 'toy', parameters, classes=classes), yolo, tmp_path / 'out')


def read(tmp_path, split='train'):
    return json.loads((tmp_path / 'out' / 'annotations' / f'{split}.json').read_text())


def test_boxes_and_classes(yolo, tmp_path):
    report = run(yolo, tmp_path)
    assert report.changes == {}
    document = read(tmp_path)
    assert [category['name'] for category in document['categories']] == ['WBC', 'RBC']
    assert [item['bbox'] for item in document['annotations'][:2]] == [[15, 12, 10, 6], [8, 13.5, 4, 3]]
    assert document['images'][0]['file_name'] == 'images/train/a.png'
    assert check_path(tmp_path / 'out', decode=True).faults == []


def test_duplicate_lines_are_dropped_and_counted(yolo, tmp_path, tools):
    tools.text(yolo / 'labels' / 'train' / 'a.txt', '0 0.5 0.5 0.25 0.2\n' * 3 + '\n1 0.5 0.5 0.25 0.2\n')
    report = run(yolo, tmp_path)
    assert [line.split(': ')[1] for line in report.changes['duplicate_object']] == ['line 2', 'line 3']
    assert report.splits['train']['objects'] == 4


def test_jpeg_named_png_gets_the_right_suffix_and_keeps_its_bytes(yolo, tmp_path, tools):
    source = yolo / 'images' / 'train' / 'a.png'
    tools.image(source, '.jpg')
    report = run(yolo, tmp_path)
    assert report.changes == {'suffix': ['images/train/a.png -> images/train/a.jpg']}
    record = read(tmp_path)['images'][0]
    assert (record['file_name'], record['source']) == ('images/train/a.jpg', 'images/train/a.png')
    assert (tmp_path / 'out' / 'images/train/a.jpg').read_bytes() == source.read_bytes()


def test_class_list_that_differs_is_reported_and_data_yaml_wins(yolo, tmp_path, tools):
    tools.text(yolo / 'classes.txt', '0 White Blood Cell (WBC)\n1 Red Blood Cell (RBC)')
    report = run(yolo, tmp_path)
    (item,) = report.changes['class_list_differs']
    assert 'White Blood Cell' in item and "data.yaml has ['WBC', 'RBC']" in item
    tools.text(yolo / 'classes.txt', 'WBC\nRBC\n')
    assert run(yolo, tmp_path).changes == {}


def test_class_list_among_the_labels_is_not_a_label(yolo, tmp_path, tools):
    tools.text(yolo / 'labels' / 'train' / 'classes.txt', 'WBC\nRBC\n')
    assert run(yolo, tmp_path).changes == {'not_a_label': ['labels/train/classes.txt']}


def test_names_as_mapping_and_path_key(yolo, tmp_path, tools):
    tools.text(yolo / 'config' / 'my.yaml', 'path: ..\ntrain: images/train\nnames: {1: RBC, 0: WBC}\n')
    report = run(yolo, tmp_path, data='config/my.yaml')
    assert report.entry.classes == {'WBC': 'WBC', 'RBC': 'RBC'} and report.changes == {}
    assert read(tmp_path)['images'][0]['source'] == 'images/train/a.png'


def test_absent_folder(yolo, tmp_path, tools):
    tools.text(yolo / 'data.yaml', 'train: images/training\nnames: [WBC, RBC]')
    with pytest.raises(
        DataError, match="train: folder 'images/training' does not exist; correct the path, or pass"
    ):
        run(yolo, tmp_path)


def test_parent_paths_of_roboflow(yolo, tmp_path, tools):
    tools.text(yolo / 'data.yaml', 'train: ../images/train\nnames: [WBC, RBC]')
    assert run(yolo, tmp_path).changes == {'parent_path': ['data.yaml: train: ../images/train']}


def test_without_data_yaml(yolo, tmp_path):
    (yolo / 'data.yaml').unlink()
    with pytest.raises(DataError, match='there are no class names; pass --classes'):
        run(yolo, tmp_path)
    report = run(yolo, tmp_path, classes={'WBC': 'leukocyte', 'RBC': 'RBC'}, splits={'train': 'images/train'})
    assert report.splits['train']['classes'] == {'leukocyte': 2, 'RBC': 2}


def test_class_of_data_yaml_that_is_not_wanted(yolo, tmp_path):
    with pytest.raises(DataError, match=r"'WBC' is not a known class \(nearest: wbc"):
        run(yolo, tmp_path, classes={'wbc': 'WBC', 'RBC': 'RBC'})


@pytest.mark.parametrize(
    ('line', 'message'),
    [
        ('0 0.5 0.5 0.2', 'line 2: values: has 4 values, not 5'),
        ('0 0.1 0.1 0.2 0.2 0.3 0.3', 'line 2: values: has 7 values, not 5'),
        ('x 0.5 0.5 0.2 0.2', 'line 2: values: .* holds something that is not a number'),
        ('0.5 0.5 0.5 0.2 0.2', 'line 2: values: .* holds something that is not a number'),
        ('2 0.5 0.5 0.2 0.2', r'line 2: class: 2 is out of range \(0 WBC, 1 RBC\)'),
        ('0 nan 0.5 0.2 0.2', 'line 2: values: .* is not a number'),
        ('0 320 240 20 20', 'line 2: box: .* is not normalised; divide by the image size'),
    ],
)
def test_bad_line(yolo, tmp_path, tools, line, message):
    tools.text(yolo / 'labels' / 'train' / 'a.txt', f'0 0.5 0.5 0.2 0.2\n{line}\n')
    with pytest.raises(DataError, match=f'labels/train/a.txt: {message}'):
        run(yolo, tmp_path)


def test_rounding_at_the_border_is_not_called_clipping(yolo, tmp_path, tools):
    tools.text(yolo / 'labels' / 'train' / 'a.txt', '0 0.125001 0.5 0.250003 0.2\n0 0.9 0.5 0.25 0.2\n')
    report = run(yolo, tmp_path)
    assert len(report.changes['clipped_box']) == 1 and 'line 2' in report.changes['clipped_box'][0]
    assert read(tmp_path)['annotations'][0]['bbox'][0] == 0


def test_a_box_that_rounds_to_nothing_is_dropped(yolo, tmp_path, tools):
    # Of 40 pixels: 0.0004 reach into the image.
    tools.text(yolo / 'labels' / 'train' / 'a.txt', '0 -0.05 0.5 0.10002 0.1\n0 0.5 0.5 0.25 0.2\n')
    report = run(yolo, tmp_path)
    assert [line.split(': ')[1] for line in report.changes['empty_box']] == ['line 1']
    assert 'clipped_box' not in report.changes and report.splits['train']['objects'] == 3
    assert check_path(tmp_path / 'out').faults == []


def test_names_of_another_encoding_are_refused_before_anything_is_written(yolo, tmp_path):
    for folder, suffix in (('images', '.png'), ('labels', '.txt')):
        name = os.fsencode(yolo / folder / 'train') + b'/\xe4' + suffix.encode()
        try:
            os.rename(yolo / folder / 'train' / f'a{suffix}', name)
        except OSError:
            pytest.skip('this file system takes UTF-8 names alone')
    with pytest.raises(DataError, match=r"'images/train/\\udce4\.png': file: name: is not UTF-8"):
        run(yolo, tmp_path)
    assert not (tmp_path / 'out' / 'annotations').exists()


def test_empty_label_file_is_an_image_without_objects(yolo, tmp_path, tools):
    tools.text(yolo / 'labels' / 'val' / 'c.txt', '')
    assert run(yolo, tmp_path).splits['val']['images_without_objects'] == 1


def test_number_of_classes_that_differs(yolo, tmp_path, tools):
    tools.text(yolo / 'data.yaml', 'train: images/train\nnc: 3\nnames: [WBC, RBC]')
    with pytest.raises(DataError, match='nc: is 3, but there are 2 names'):
        run(yolo, tmp_path)


def test_other_files_and_folders_beside_the_images_are_reported(yolo, tmp_path, tools):
    tools.image(yolo / 'images' / 'train' / 'more' / 'x.png', '.png')
    tools.text(yolo / 'images' / 'train' / 'note.doc', 'x')
    tools.text(yolo / 'images' / 'train' / '.hidden', 'x')
    assert run(yolo, tmp_path).changes == {'other_entry': ['images/train/more', 'images/train/note.doc']}


def test_txl_pbc(sample, tmp_path):
    source = sample('txl_pbc_v2')
    report = convert(load_entry('txl_pbc'), source, tmp_path / 'txl', workers=2, images='symlink')
    assert (report.total('images'), report.total('objects')) == (362, 5161)
    assert {code: len(items) for code, items in report.changes.items()} == {
        'duplicate_object': 32,
        'suffix': 362,
        'class_list_differs': 1,
    }
    assert check_path(tmp_path / 'txl', decode=True).faults == []


def test_folder_that_is_two_splits(yolo, tmp_path, tools):
    tools.text(yolo / 'data.yaml', "train: images/train\nval: ./images/train/\nnames: ['WBC', 'RBC']")
    with pytest.raises(DataError, match=r'images/train/a.png: file: split: is in train and in val'):
        convert(own_entry('yolo', yolo, 'toy'), yolo, tmp_path / 'out')


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('train: 5\nnames: [a]', 'train: is 5; write an image folder, or a list of them'),
        ('train: [[images]]\nnames: [a]', 'train: is .*; write an image folder'),
        ('path: [a]\ntrain: images/train\nnames: [a]', 'path: is .*; write a folder, or drop it'),
        ('train: images/train\nnames: 5', 'names: is 5; write a list of names'),
        ('train: images/train\nnames: {0: a, b: c}', 'names: is .*; write a list of names'),
        ('train: /etc\nnames: [WBC, RBC]', "train: folder '/etc' does not exist"),
    ],
)
def test_hostile_data_yaml(yolo, tmp_path, text, message):
    (yolo / 'data.yaml').write_text(text)
    with pytest.raises(DataError, match=f'data.yaml: file: {message}'):
        convert(own_entry('yolo', yolo, 'toy'), yolo, tmp_path / 'out')


def test_absolute_path_is_read_inside_the_source(yolo, tmp_path):
    text = (yolo / 'data.yaml').read_text().replace('./images/train/', '/images/train')
    (yolo / 'data.yaml').write_text(text)
    report = convert(own_entry('yolo', yolo, 'toy'), yolo, tmp_path / 'out')
    assert report.changes['parent_path'] == ['data.yaml: train: /images/train']
