"""Files written by hand from the description of the object labels in KITTI's development kit."""

import json

import pytest

from unihema_mm.datasets.catalogue import read_entry
from unihema_mm.datasets.converters import convert, own_entry
from unihema_mm.datasets.schema import DataError
from unihema_mm.datasets.validation import check_path

ENTRY = """
name: toy
tasks: [det]
prompt: Malaria
classes: {Ring: ring, Rbc: RBC}
converter: kitti
parameters: {splits: {train: '*'}}
"""
SPACE = '1.57 1.50 3.78 2.53 1.52 6.09 -1.60'
RING = f'Ring 0.00 0 1.85 3.00 4.50 13.00 16.25 {SPACE}'
RBC = f'Rbc 0.30 2 -1.82 20 5 39.5 29 {SPACE}'
REGION = 'DontCare -1 -1 -10 5.00 6.00 15.00 16.00 -1 -1 -1 -1000 -1000 -1000 -10'


@pytest.fixture
def source(tmp_path, tools):
    """Three images: two objects, one object beside a DontCare region, no object."""
    root = tmp_path / 'source'
    texts = (f'{RING}\n{RBC}\n', f'{RING}\n\n{REGION}\n', '')
    for index, text in enumerate(texts):
        tools.image(root / 'training/image_2' / f'00000{index}.png', '.png', width=40 + index)
        tools.text(root / 'training/label_2' / f'00000{index}.txt', text)
    return root


def run(source, text=ENTRY, out='out'):
    out = source.parent / out
    return convert(read_entry(text, 'toy.yaml'), source, out), out


def read(out, split='train'):
    return json.loads((out / 'annotations' / f'{split}.json').read_text())


def test_boxes_are_corners(source):
    report, out = run(source)
    document = read(out)
    assert [(item['image_id'], item['bbox'], item['category_id']) for item in document['annotations']] == [
        (1, [3, 4.5, 10, 11.75], 1),
        (1, [20, 5, 19.5, 24], 2),
        (2, [3, 4.5, 10, 11.75], 1),
    ]
    assert report.splits['train']['images_without_objects'] == 1
    assert check_path(out, decode=True).faults == []


def test_unlabelled_regions_are_counted_and_their_image_is_partly_labelled(source):
    report, out = run(source)
    assert report.changes == {
        'unlabelled_region': ['training/label_2/000001.txt: line 3: [5.0, 6.0, 15.0, 16.0]']
    }
    marks = [image.get('partly_labelled') for image in read(out)['images']]
    assert marks == [None, True, None]


def test_lists_and_held_out_images(source, tools):
    tools.text(source / 'ImageSets/train.txt', '000000\n000002\n')
    tools.text(source / 'ImageSets/val.txt', '000001.png\n')
    lists = ENTRY.replace("'*'", 'ImageSets/train.txt, val: ImageSets/val.txt')
    report, out = run(source, lists)
    assert [image['partly_labelled'] for image in read(out, 'val')['images']] == [True]
    assert {split: counts['images'] for split, counts in report.splits.items()} == {'train': 2, 'val': 1}
    _, out = run(source, ENTRY.replace("{train: '*'}", "{train: '*'}, hold_out: {val: 1}"), 'held')
    assert len(read(out, 'val')['images']) == 1


@pytest.mark.parametrize(
    ('line', 'message'),
    [
        ('Ring 0 0 0 1 2 3 4', 'line 2: values: has 8 values, not 15; write type truncated'),
        (f'{RING} 0.9', r'has 16 values, not 15 \(a score is of a prediction, not of a label\)'),
        (RING.replace('13.00', 'x'), 'line 2: values: .* holds something that is not a number'),
        (RING.replace('1.85', 'x'), 'holds something that is not a number'),
        (RING.replace('13.00', 'nan'), 'line 2: values: .* is not a number'),
        (RING.replace('Ring', 'Rings'), r"line 2: class: 'Rings' is not a known class \(nearest: Ring"),
    ],
)
def test_bad_line(source, tools, line, message):
    tools.text(source / 'training/label_2/000002.txt', f'{RBC}\n{line}\n')
    with pytest.raises(DataError, match=message) as error:
        run(source)
    assert 'label_2/000002.txt: ' in str(error.value) and '\n' not in str(error.value)
    assert not (source.parent / 'out' / 'annotations').exists()


def test_labels_elsewhere(source):
    _, out = run(source)
    expected = read(out)['annotations']
    (source / 'training/label_2').rename(source.parent / 'labels')
    text = ENTRY.replace('{splits: ', f'{{annotations: {source.parent / "labels"}, splits: ')
    _, out = run(source, text, 'elsewhere')
    assert read(out)['annotations'] == expected


def test_missing_counterparts_and_bytes_that_are_no_text(source):
    label = source / 'training/label_2/000000.txt'
    label.write_bytes(b'\xff\xfe')
    with pytest.raises(DataError, match=r'label_2/000000.txt: file: content: is not UTF-8 text'):
        run(source)
    label.unlink()
    with pytest.raises(DataError, match=r'000000.png: file: label: its label file does not exist'):
        run(source)
    background = ENTRY.replace("'*'}", "'*'}, unlabelled: background")
    report, _ = run(source, background)
    assert report.changes['image_without_label_kept'] == ['training/image_2/000000.png']
    (source / 'training/image_2/000001.png').unlink()
    with pytest.raises(DataError, match=r'000001.txt: file: image: its image does not exist'):
        run(source, background, 'other')


def test_own_labels_need_classes_and_a_split(source, tmp_path):
    with pytest.raises(
        DataError, match='kitti files have no class list; pass --classes; these use Rbc, Ring'
    ):
        own_entry('kitti', source, 'mine')
    entry = own_entry('kitti', source, 'mine', classes={'Rbc': 'RBC', 'Ring': 'ring'})
    with pytest.raises(DataError, match='none is given and none was found; pass --split'):
        convert(entry, source, tmp_path / 'mine')
