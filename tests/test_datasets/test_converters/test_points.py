import json

import pytest

from unihema_mm.datasets.catalogue import load_entry, read_entry
from unihema_mm.datasets.converters import convert
from unihema_mm.datasets.schema import DataError
from unihema_mm.datasets.validation import check_path

ENTRY = """
name: toy
tasks: [det]
prompt: red blood cell
classes: {'0': RBC, '10': elliptocyte}
converter: points
parameters:
  images: 'Dataset/{key}.jpg'
  labels: 'Label/{key}.txt'
  box_side: 8
"""


@pytest.fixture
def source(tmp_path, tools):
    """Six 40x30 images of different bytes with two points each."""
    root = tmp_path / 'source'
    for index in range(6):
        tools.image(root / 'Dataset' / f'{index}.jpg', width=40 + index)
        tools.text(root / 'Label' / f'{index}.txt', '20 15 0\n10 8 10\n')
    return root


def run(source, text=ENTRY, out='out', **options):
    out = source.parent / out
    return convert(read_entry(text, 'toy.yaml'), source, out, **options), out


def read(out, split='train'):
    return json.loads((out / 'annotations' / f'{split}.json').read_text())


def test_points_become_squares(source):
    report, out = run(source)
    document = read(out)
    assert [(item['bbox'], item['category_id'], item['area']) for item in document['annotations'][:2]] == [
        ([16, 11, 8, 8], 1, 64),
        ([6, 4, 8, 8], 2, 64),
    ]
    assert 'partly_labelled' not in document['images'][0]
    assert report.changes == {} and check_path(out, decode=True).faults == []


def test_box_at_the_border_is_clipped_and_point_outside_is_dropped(source, tools):
    tools.text(source / 'Label' / '0.txt', '0 0 0\n39.5 29 0\n40 15 0\n-1 5 10\n')
    report, out = run(source)
    boxes = [item['bbox'] for item in read(out)['annotations'] if item['image_id'] == 1]
    assert boxes == [[0, 0, 4, 4], [35.5, 25, 4.5, 5]]
    assert report.changes['outside_point'] == [
        'Label/0.txt: line 3: 40 15 0 in 40x30',
        'Label/0.txt: line 4: -1 5 10 in 40x30',
    ]
    assert len(report.changes['clipped_box']) == 2


def test_empty_file_blank_lines_and_repeated_points(source, tools):
    tools.text(source / 'Label' / '0.txt', '')
    tools.text(source / 'Label' / '1.txt', '\n20 15 0\n\n20 15 0\n20 15 10\n')
    report, _ = run(source)
    assert report.splits['train']['images_without_objects'] == 1
    assert report.total('objects') == 10 and len(report.changes['duplicate_object']) == 1


def test_partly_labelled_is_written_into_the_records_and_checked(source):
    _, out = run(source, ENTRY + '  partly_labelled: true\n')
    document = read(out)
    assert all(image['partly_labelled'] is True for image in document['images'])
    document['images'][0]['partly_labelled'] = 'yes'
    (out / 'annotations' / 'train.json').write_text(json.dumps(document))
    (fault,) = check_path(out).faults
    assert "image 1: partly_labelled: is 'yes'; write true or false" in str(fault)


def test_identical_images_stay_together_and_keep_their_labels(source, tools):
    content = (source / 'Dataset' / '0.jpg').read_bytes()
    for index in (1, 2):
        (source / 'Dataset' / f'{index}.jpg').write_bytes(content)
    tools.text(source / 'Label' / '1.txt', '5 5 0\n')
    report, out = run(source, ENTRY + '  hold_out: {val: 3}\n')
    assert report.changes['identical_image'] == [f'Dataset/{index}.jpg is Dataset/0.jpg' for index in (1, 2)]
    assert report.total('objects') == 11
    names = [[image['source'] for image in read(out, split)['images']] for split in ('train', 'val')]
    triple = {f'Dataset/{index}.jpg' for index in range(3)}
    assert any(triple <= set(split) for split in names) and len(names[1]) == 3


def test_missing_image_or_label(source):
    (source / 'Label' / '0.txt').unlink()
    with pytest.raises(DataError, match=r'Dataset/0.jpg: file: label: its label file does not exist'):
        run(source)
    report, _ = run(source, ENTRY + '  unlabelled: skip\n', 'skipped')
    assert report.changes == {'image_without_label': ['Dataset/0.jpg']}
    (source / 'Dataset' / '1.jpg').unlink()
    with pytest.raises(DataError, match=r'Label/1.txt: file: image: its image does not exist'):
        run(source, ENTRY + '  unlabelled: skip\n', 'other')


@pytest.mark.parametrize(
    ('line', 'message'),
    [
        ('20 15', 'Label/0.txt: line 2: values: has 2 values, not 3; write x y class'),
        ('20 15 0 1', 'Label/0.txt: line 2: values: has 4 values, not 3'),
        ('20,15,0', 'Label/0.txt: line 2: values: has 1 values, not 3'),
        ('a 15 0', "Label/0.txt: line 2: point: 'a 15' is not a point; write x y class"),
        ('nan 15 0', "Label/0.txt: line 2: point: 'nan 15' is not a point"),
        ('20 inf 0', "Label/0.txt: line 2: point: '20 inf' is not a point"),
        ('20 15 13', "Label/0.txt: line 2: class: '13' is not a known class"),
    ],
)
def test_bad_line(source, tools, line, message):
    tools.text(source / 'Label' / '0.txt', f'20 15 0\n{line}\n')
    with pytest.raises(DataError, match=message):
        run(source)
    assert not (source.parent / 'out' / 'annotations').exists()


def test_bytes_that_are_no_text(source):
    (source / 'Label' / '0.txt').write_bytes(b'\xff\xfe2\x000\x00')
    with pytest.raises(
        DataError, match=r'Label/0.txt: file: content: is not UTF-8 text; copy the file again'
    ):
        run(source)


@pytest.mark.parametrize('side', ['0', '-3', 'wide', 'true', '.nan', '.inf'])
def test_bad_box_side(source, side):
    with pytest.raises(DataError, match=r'entry: parameters: box_side: is .*; write a number of pixels'):
        run(source, ENTRY.replace('box_side: 8', f'box_side: {side}'))


def test_bad_partly_labelled_and_missing_box_side(source):
    with pytest.raises(DataError, match="partly_labelled: is 'no idea'; write true or false"):
        run(source, ENTRY + '  partly_labelled: no idea\n')
    with pytest.raises(DataError, match=r'parameters.box_side: is missing; add it'):
        run(source, ENTRY.replace('  box_side: 8\n', ''))


def test_no_label_fits(source):
    with pytest.raises(DataError, match=r"no file fits 'label/\{key\}.txt'"):
        run(source, ENTRY.replace('Label/', 'label/'))


def test_chula(sample, tmp_path):
    source, out = sample('chula_rbc12'), tmp_path / 'chula'
    report = convert(load_entry('chula_rbc12'), source, out, images='symlink')
    lines = [line.split() for path in (source / 'Label').glob('*.txt') for line in path.open()]
    assert report.total('images') == 158 and report.total('objects') == len(lines) == 5582
    assert {split: counts['images'] for split, counts in report.splits.items()} == {
        'train': 110,
        'val': 24,
        'test': 24,
    }
    assert sum(counts['images_without_objects'] for counts in report.splits.values()) == 2
    assert report.changes['image_without_label'] == [
        f'Dataset/{number}.jpg' for number in (18, 210, 211, 212, 213, 214, 215, 216)
    ]
    assert all('Dataset/7' in item and '.png' in item for item in report.changes['suffix'])
    pairs = {f'Dataset/{a}.jpg is Dataset/{b}.jpg' for a, b in ((617, 570), (618, 571), (619, 572))}
    assert pairs <= set(report.changes['identical_image'])
    splits = {image['source']: split for split in report.splits for image in read(out, split)['images']}
    for text in report.changes['identical_image']:
        one, other = text.split(' is ')
        assert splits[one] == splits[other]
    assert 'outside_point' not in report.changes
    assert all(image['partly_labelled'] for split in report.splits for image in read(out, split)['images'])
    assert check_path(out).faults == []
