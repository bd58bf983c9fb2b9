import json

import pytest

from unihema_mm.datasets.catalogue import load_entry
from unihema_mm.datasets.converters import convert, own_entry
from unihema_mm.datasets.schema import DataError
from unihema_mm.datasets.validation import check_path


def run(voc, tmp_path, **parameters):
    entry = own_entry('voc', voc, 'toy', parameters, classes={'RBC': 'RBC'})
    return convert(entry, voc, tmp_path / 'out')


def boxes(tmp_path, split='train'):
    document = json.loads((tmp_path / 'out' / 'annotations' / f'{split}.json').read_text())
    return [item['bbox'] for item in document['annotations']]


def test_split_lists(voc, tmp_path):
    report = run(voc, tmp_path)
    assert {split: counts['images'] for split, counts in report.splits.items()} == {
        'train': 3,
        'val': 1,
        'test': 1,
    }
    assert report.changes == {}


def test_corner_and_inclusive_coordinates(voc, tmp_path):
    run(voc, tmp_path, coordinates='corners')
    assert boxes(tmp_path, 'val') == [[1, 2, 10, 10]]
    run(voc, tmp_path, coordinates='inclusive')
    assert boxes(tmp_path, 'val') == [[0, 1, 11, 11]]


def test_other_folder_and_file_names_are_reported(voc, tmp_path, tools):
    tools.text(voc / 'Annotations' / '00000.xml', tools.xml(folder='RBC', filename='other.jpg'))
    report = run(voc, tmp_path)
    assert report.changes['folder_differs'] == ['Annotations/00000.xml: <folder>RBC</folder>']
    assert report.changes['filename_differs'] == ['Annotations/00000.xml: <filename>other.jpg</filename>']


def test_missing_size_is_reported_and_wrong_size_is_an_error(voc, tmp_path, tools):
    tools.text(voc / 'Annotations' / '00000.xml', tools.xml(size=''))
    assert run(voc, tmp_path).changes == {'size_missing': ['Annotations/00000.xml']}
    tools.text(
        voc / 'Annotations' / '00003.xml', tools.xml(size='<size><width>41</width><height>30</height></size>')
    )
    with pytest.raises(DataError, match=r'00003.xml: file: size: says 41x30, the image has 40x30'):
        run(voc, tmp_path)


def test_difficult_objects_are_kept_and_reported(voc, tmp_path):
    path = voc / 'Annotations' / '00000.xml'
    path.write_text(path.read_text().replace('<bndbox>', '<difficult>1</difficult><bndbox>'))
    report = run(voc, tmp_path)
    assert report.changes == {'difficult': ['Annotations/00000.xml: object 1: RBC']}
    assert report.total('objects') == 5


def test_bad_number(voc, tmp_path, tools):
    tools.text(voc / 'Annotations' / '00000.xml', tools.xml(('RBC', 1, 'x', 3, 4)))
    with pytest.raises(DataError, match=r"00000.xml: object 1: bndbox/ymin: is 'x'; must be a number"):
        run(voc, tmp_path)


def test_stem_in_two_lists_and_twice_in_one(voc, tmp_path, tools):
    tools.text(voc / 'ImageSets' / 'Main' / 'val.txt', '00010\n00000\n')
    with pytest.raises(DataError, match='00000: split: is in val and in train'):
        run(voc, tmp_path)
    tools.text(voc / 'ImageSets' / 'Main' / 'val.txt', '00010\n00010\n')
    with pytest.raises(DataError, match='00010: split list: is listed twice'):
        run(voc, tmp_path)


def test_listed_stem_without_any_file(voc, tmp_path, tools):
    tools.text(voc / 'ImageSets' / 'Main' / 'val.txt', '00099\n')
    with pytest.raises(DataError, match='00099: split: has neither an image nor a label'):
        run(voc, tmp_path)


def test_unlisted_images_are_reported(voc, tmp_path, tools):
    tools.text(voc / 'ImageSets' / 'Main' / 'train.txt', '00000 1\n00003.jpg\n')
    report = run(voc, tmp_path)
    assert report.changes == {'unlisted_image': ['JPEGImages/00007.jpg']}
    assert report.splits['train']['images'] == 2


def test_everything_in_one_split(voc, tmp_path):
    assert run(voc, tmp_path, splits={'train': '*'}).total('images') == 5


def test_no_split_list(voc, tmp_path):
    for path in (voc / 'ImageSets' / 'Main').iterdir():
        path.unlink()
    with pytest.raises(DataError, match='none is given and none was found; pass --split'):
        run(voc, tmp_path)


def test_unknown_split_name(voc, tmp_path):
    with pytest.raises(DataError, match='dev: is not a split; use train, val, test'):
        run(voc, tmp_path, splits={'dev': '*'})


def test_label_without_image(voc, tmp_path):
    (voc / 'JPEGImages' / '00003.jpg').unlink()
    with pytest.raises(DataError, match=r'00003.xml: file: image: its image does not exist'):
        run(voc, tmp_path)
    assert run(voc, tmp_path, unpaired='skip').changes == {'label_without_image': ['Annotations/00003.xml']}


def test_image_without_label(voc, tmp_path):
    (voc / 'Annotations' / '00003.xml').unlink()
    with pytest.raises(DataError, match=r'00003.jpg: file: label: its label file does not exist'):
        run(voc, tmp_path)
    report = run(voc, tmp_path, unlabelled='skip')
    assert report.changes == {'image_without_label': ['JPEGImages/00003.jpg']} and report.total('images') == 4
    report = run(voc, tmp_path, unlabelled='background')
    assert (
        report.changes == {'image_without_label_kept': ['JPEGImages/00003.jpg']}
        and report.total('images') == 5
    )


def test_same_stem_twice(voc, tmp_path, tools):
    tools.image(voc / 'JPEGImages' / '00003.png', '.png')
    with pytest.raises(DataError, match='has the same stem as'):
        run(voc, tmp_path)


def test_missing_classes_names_those_found(voc):
    with pytest.raises(DataError, match='have no class list; pass --classes; these use RBC'):
        own_entry('voc', voc, 'toy')


def test_bccd(sample, tmp_path):
    report = convert(load_entry('bccd'), sample('bccd'), tmp_path / 'bccd', workers=2, images='symlink')
    assert (report.total('images'), report.total('objects')) == (364, 4886)
    assert {split: counts['images'] for split, counts in report.splits.items()} == {
        'train': 205,
        'val': 87,
        'test': 72,
    }
    classes = [
        sum(counts['classes'][name] for counts in report.splits.values())
        for name in ('RBC', 'WBC', 'platelet')
    ]
    assert classes == [4153, 372, 361]
    assert {code: len(items) for code, items in report.changes.items()} == {
        'empty_box': 2,
        'folder_differs': 3,
    }
    assert all(number in ''.join(report.changes['empty_box']) for number in ('00338', '00343'))
    assert report.differences == [] and check_path(tmp_path / 'bccd', decode=True).faults == []


@pytest.fixture
def folders(tmp_path, tools):
    """Three images in A, the last of them also in B; one image in C."""
    root = tmp_path / 'folders'
    for folder, stems in (('A', '123'), ('B', '3'), ('C', '4')):
        for stem in stems:
            tools.image(root / folder / 'Images' / f'{stem}.jpg')
            tools.text(root / folder / 'Annotations' / f'{stem}.xml', tools.xml(('RBC', 1, 2, 11, 12)))
    return root


FOLDERS = {'images': 'Images', 'split_folders': {'train': 'A', 'val': 'B', 'test': 'C'}}


def test_split_folders_leave_repeats_out_of_train(folders, tmp_path):
    report = run(folders, tmp_path, **FOLDERS)
    assert {split: counts['images'] for split, counts in report.splits.items()} == {
        'train': 2,
        'val': 1,
        'test': 1,
    }
    assert report.changes['repeated_image'] == ['A/Images/3.jpg is B/Images/3.jpg']


def test_split_folder_that_is_missing_is_reported(folders, tmp_path):
    report = run(folders, tmp_path, **{**FOLDERS, 'split_folders': {'train': 'A', 'test': 'D'}})
    assert report.changes['split_missing'] == ['test: D'] and report.total('images') == 3
    with pytest.raises(DataError, match='images: no image was found'):
        run(folders, tmp_path, **{**FOLDERS, 'split_folders': {'test': 'D'}})


def test_same_name_for_different_images_in_two_split_folders(folders, tmp_path, tools):
    tools.image(folders / 'B' / 'Images' / '3.jpg', width=41)
    with pytest.raises(DataError, match=r'A/Images/3.jpg: file: name: is another image than B/Images/3.jpg'):
        run(folders, tmp_path, **FOLDERS)


def test_unknown_split_of_a_folder(folders, tmp_path):
    with pytest.raises(DataError, match='dev: is not a split; use train, val, test'):
        run(folders, tmp_path, **{**FOLDERS, 'split_folders': {'dev': 'A'}})


def test_missing_classes_are_found_in_split_folders(folders):
    with pytest.raises(DataError, match='these use RBC'):
        own_entry('voc', folders, 'toy', FOLDERS)


def test_cbc(sample, tmp_path):
    report = convert(load_entry('cbc'), sample('cbc'), tmp_path / 'cbc', images='symlink')
    assert {split: counts['images'] for split, counts in report.splits.items()} == {'val': 60, 'test': 60}
    assert dict(report.counts('classes')) == {'RBC': 1491, 'WBC': 124, 'platelet': 104}
    assert {code: len(items) for code, items in report.changes.items()} == {
        'empty_box': 1,
        'folder_differs': 120,
        'split_missing': 1,
    }
    assert '00343' in report.changes['empty_box'][0]
    assert report.differences == ['0 images of train, expected 240']
    assert check_path(tmp_path / 'cbc', decode=True).faults == []


def test_images_of_cbc_are_those_of_bccd(sample):
    ours, theirs = sample('cbc'), sample('bccd') / 'BCCD' / 'JPEGImages'
    for path in ours.glob('*/Images/*.jpg'):
        assert path.read_bytes() == (theirs / path.name).read_bytes()


BOMB = ''.join(f'<!ENTITY e{n + 1} "{f"&e{n};" * 10}">' for n in range(9))


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        (f'<!DOCTYPE a [<!ENTITY e0 "ha">{BOMB}]><a>&e9;</a>', 'declares a document type; remove'),
        ('<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><a>&e;</a>', 'declares a document type'),
        ('<!DOCTYPE a [<!ENTITY e "1">]><a>&e;</a>'.encode('utf-16'), 'declares a document type'),
        ('<?xml version="1.0" encoding="utf-7"?><a/>', 'is not whole XML'),
        ('<?xml version="1.0" encoding="none"?><a/>', 'is not whole XML'),
        ('<a>' * 20000, 'is not whole XML'),
    ],
)
def test_hostile_xml(voc, tmp_path, text, message):
    (voc / 'Annotations' / '00000.xml').write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DataError, match=f'00000.xml: file: content: {message}'):
        convert(own_entry('voc', voc, 'toy', classes={'RBC': 'RBC'}), voc, tmp_path / 'out')


@pytest.mark.parametrize('number', ['nan', 'inf', '1e400', '1_0', '\u0661'])
def test_what_is_no_number(voc, tmp_path, tools, number):
    tools.text(voc / 'Annotations' / '00000.xml', tools.xml(('RBC', 1, number, 11, 12)))
    with pytest.raises(DataError, match=r'00000.xml: object 1: bndbox/ymin: is .*; must be a number'):
        convert(own_entry('voc', voc, 'toy', classes={'RBC': 'RBC'}), voc, tmp_path / 'out')
