import json

import pytest

from unihema_mm.datasets.converters import convert, own_entry
from unihema_mm.datasets.schema import DataError
from unihema_mm.datasets.validation import check_path

SPLITS = {'train': 'annotations/train.json:pictures'}


def run(coco, tmp_path, **parameters):
    entry = own_entry('coco', coco, 'toy', {'splits': SPLITS, **parameters}, prompt='Malaria')
    return convert(entry, coco, tmp_path / 'out')


def spoil(coco, change):
    path = coco / 'annotations' / 'train.json'
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def test_keys_are_added_and_masks_kept(coco, tmp_path):
    report = run(coco, tmp_path)
    assert report.changes == {'keys_dropped': ['annotations/train.json: images: license']}
    assert {
        key: report.splits['train'][key] for key in ('images', 'images_without_objects', 'objects', 'classes')
    } == {
        'images': 2,
        'images_without_objects': 1,
        'objects': 2,
        'classes': {'ring': 1, 'RBC': 1},
    }
    document = json.loads((tmp_path / 'out' / 'annotations' / 'train.json').read_text())
    assert [image['file_name'] for image in document['images']] == [
        'images/train/a.jpg',
        'images/train/b.jpg',
    ]
    assert document['images'][0]['prompt'] == 'Malaria'
    first, second = document['annotations']
    assert (first['area'], first['segmentation']) == (60, [[1, 2, 11, 2, 11, 14]])
    assert (second['area'], second['bbox'], second['iscrowd']) == (16, [3, 3, 4, 4], 0)
    assert check_path(tmp_path / 'out', decode=True).faults == []


def test_missing_image(coco, tmp_path):
    (coco / 'pictures' / 'a.jpg').unlink()
    with pytest.raises(DataError, match=r"image 9: file_name: 'pictures/a.jpg' does not exist"):
        run(coco, tmp_path)
    assert run(coco, tmp_path, unpaired='skip').changes['label_without_image'] == [
        'annotations/train.json: image 9: pictures/a.jpg'
    ]


def test_faulty_json_is_refused_with_all_faults(coco, tmp_path):
    spoil(coco, lambda document: [item.update(category_id=1) for item in document['annotations']])
    with pytest.raises(DataError, match='category_id: 1 is out of range') as error:
        run(coco, tmp_path)
    assert len(error.value.faults) == 2


def test_size_that_differs(coco, tmp_path):
    spoil(coco, lambda document: document['images'][0].update(width=41))
    with pytest.raises(DataError, match=r'b.jpg: image: size: is 40x30, its record says 41x30'):
        run(coco, tmp_path)


def test_default_splits(coco, tmp_path):
    entry = own_entry('coco', coco, 'toy')
    with pytest.raises(DataError, match=r"'b.jpg' does not exist|'a.jpg' does not exist"):
        convert(entry, coco, tmp_path / 'out')
    (coco / 'pictures' / 'a.jpg').rename(coco / 'a.jpg')
    (coco / 'pictures' / 'b.jpg').rename(coco / 'b.jpg')
    assert convert(entry, coco, tmp_path / 'out').total('images') == 2


def test_image_in_two_splits(coco, tmp_path):
    splits = {**SPLITS, 'val': 'annotations/train.json:./pictures/'}
    with pytest.raises(DataError, match=r'pictures/a.jpg: file: split: is in train and in val') as error:
        run(coco, tmp_path, splits=splits)
    assert len(error.value.faults) == 2
    assert not (tmp_path / 'out').exists()


def test_link_to_an_image_of_another_split(coco, tmp_path):
    (coco / 'more').symlink_to('pictures')
    with pytest.raises(DataError, match=r'more/a.jpg: file: split: is in train and in val'):
        run(coco, tmp_path, splits={**SPLITS, 'val': 'annotations/train.json:more'})


def test_size_written_as_a_float(coco, tmp_path):
    spoil(coco, lambda document: document['images'][0].update(width=40.0, height=30.0))
    run(coco, tmp_path)
    text = (tmp_path / 'out' / 'annotations' / 'train.json').read_text()
    assert '"width":40,"height":30' in text and '40.0' not in text


@pytest.mark.parametrize(
    ('key', 'value', 'message'),
    [
        ('area', 'big', "area: is 'big'; write a number above 0"),
        ('area', -1, 'area: is -1; write'),
        ('iscrowd', 2, 'iscrowd: is 2; write 0 or 1'),
        ('iscrowd', [1], 'iscrowd: is .1.; write 0 or 1'),
        ('segmentation', 'x', 'segmentation: is neither polygons nor RLE; correct or drop'),
        ('segmentation', [[0, 0, 1e9, 0, 5, 5]], 'segmentation: has a polygon far outside its image'),
        ('segmentation', {'size': [30, 40], 'counts': 'x'}, 'segmentation: is RLE whose run lengths'),
    ],
)
def test_bad_object(coco, tmp_path, key, value, message):
    path = coco / 'annotations' / 'train.json'
    document = json.loads(path.read_text())
    document['annotations'][0][key] = value
    path.write_text(json.dumps(document))
    entry = own_entry('coco', coco, 'toy', {'splits': {'train': 'annotations/train.json:pictures'}})
    with pytest.raises(DataError, match=f'pictures/b.jpg: annotation 1: {message}'):
        convert(entry, coco, tmp_path / 'out')
