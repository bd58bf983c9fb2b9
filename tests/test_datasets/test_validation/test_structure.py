import pytest

from unihema_mm.datasets.validation import check_boxes, check_structure


def faults(document):
    return [str(fault) for fault in check_structure(document, 'f.json')]


def set_at(document, path, value):
    *parents, last = path
    for key in parents:
        document = document[key]
    if value is KeyError:
        del document[last]
    else:
        document[last] = value


def test_valid(document):
    assert faults(document) == []
    assert check_boxes(document, 'f.json') == []


def test_size_written_as_a_float(document):
    document['images'][0]['width'] = 40.0
    assert faults(document) == []


@pytest.mark.parametrize(
    ('path', 'value', 'expected'),
    [
        (('images',), KeyError, 'f.json: file: images: is missing; add "images": []'),
        (('annotations',), {}, 'f.json: file: annotations: is a dict; must be a list of records'),
        (('images', 1), 5, 'f.json: images[1]: record: is 5; must be an object'),
        (('images', 1, 'id'), 1, 'f.json: images[1]: id: 1 is already used by images[0]'),
        (('images', 1, 'id'), True, 'f.json: images[1]: id: is True; must be an integer'),
        (('images', 0, 'file_name'), '/abs/a.png', "f.json: image 1: file_name: '/abs/a.png' is absolute"),
        (
            ('images', 0, 'file_name'),
            '../a.png',
            "f.json: image 1: file_name: '../a.png' leaves the data root",
        ),
        (('images', 0, 'file_name'), 'images\\a.png', 'holds backslashes'),
        (('images', 0, 'file_name'), 'images/b.png', "'images/b.png' is also used by image 1"),
        (('images', 0, 'width'), 0, 'f.json: image 1: width: is 0; must be a positive whole number of'),
        (('images', 0, 'width'), 40.5, 'f.json: image 1: width: is 40.5; must be a positive whole number'),
        (('images', 0, 'width'), float('nan'), 'f.json: image 1: width: is nan'),
        (('images', 0, 'width'), True, 'f.json: image 1: width: is True'),
        (('images', 0, 'height'), '30', "f.json: image 1: height: is '30'"),
        (('annotations', 0, 'id'), 2, 'f.json: annotations[1]: id: 2 is already used'),
        (('annotations', 0, 'image_id'), 99, 'f.json: annotation 1: image_id: 99 is not an image'),
        (
            ('annotations', 0, 'category_id'),
            1,
            'f.json: annotation 1: category_id: 1 is out of range, the categories',
        ),
        (('annotations', 0, 'category_id'), None, 'category_id: None is out of range'),
        (('annotations', 0, 'bbox'), [1, 2, 3], 'f.json: annotation 1: bbox: is [1, 2, 3]'),
        (('annotations', 0, 'bbox'), [1, 2, float('nan'), 3], 'four finite numbers'),
        (('categories', 1, 'name'), 'RBC', "f.json: categories[1]: name: 'RBC' is used twice"),
        (('categories', 1, 'name'), '', 'must be a class name'),
    ],
)
def test_one_fault(document, path, value, expected):
    set_at(document, path, value)
    found = faults(document)
    assert any(expected in fault for fault in found), found
    assert all(fault.count('; ') >= 1 and '\n' not in fault for fault in found)


@pytest.mark.parametrize(
    ('bbox', 'expected'),
    [
        ([1, 1, 0, 5], 'has no area'),
        ([1, 1, 5, -2], 'has no area'),
        ([35, 1, 10, 5], 'reaches outside its image of 40x30 pixels; clip it'),
        ([50, 1, 10, 5], 'lies outside its image of 40x30 pixels; drop'),
    ],
)
def test_box_faults(document, bbox, expected):
    document['annotations'][1]['bbox'] = bbox
    (fault,) = check_boxes(document, 'f.json')
    assert str(fault).startswith('f.json: annotation 2: bbox:') and expected in str(fault)
