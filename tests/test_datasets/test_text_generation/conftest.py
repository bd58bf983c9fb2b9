"""Small sets whose annotations are made into texts."""

import itertools
import json

import pytest

from unihema_mm.structures.attribute_values import load_attribute_values

LEUKEMIA = {name: list(values) for name, values in load_attribute_values('leukemia_attri').items()}
WBCATT = {name: list(values) for name, values in load_attribute_values('wbcatt').items()}


def make_document(split='train', dataset='toy', classes=('RBC', 'WBC', 'platelet'), attributes=None):
    """An annotation file without images."""
    info = {'schema_version': '1.0', 'dataset': dataset, 'split': split, 'licence': 'unknown'}
    if attributes:
        info['attributes'] = attributes
    categories = [{'id': number, 'name': name} for number, name in enumerate(classes, 1)]
    return {'info': info, 'images': [], 'annotations': [], 'categories': categories}


def add_image(document, objects=(), tasks=('det',), **fields):
    """Add an image; ``objects`` are class names, or pairs of one and attributes."""
    number = len(document['images']) + 1
    split = document['info']['split']
    image = {'id': number, 'file_name': f'images/{split}/{number}.png', 'width': 40, 'height': 30}
    image |= {'tasks': list(tasks), 'prompt': 'Malaria', **fields}
    document['images'].append(image)
    ids = {category['name']: category['id'] for category in document['categories']}
    for item in objects:
        name, attributes = item if isinstance(item, tuple) else (item, None)
        record = {'id': len(document['annotations']) + 1, 'image_id': number, 'category_id': ids[name]}
        record |= {'bbox': [1, 1, 9, 9], 'area': 81, 'iscrowd': 0}
        document['annotations'].append(record | ({'attributes': attributes} if attributes else {}))
    return image


def field_document(split='train', dataset='toy', images=40):
    """Fields with 3 to 12 red cells, 0 to 2 white cells and 0 to 4 platelets."""
    document = make_document(split, dataset)
    for number in range(images):
        counts = {'RBC': 3 + number % 10, 'WBC': number % 3, 'platelet': number * 7 % 5}
        add_image(document, [name for name, count in counts.items() for _ in range(count)])
    return document


def cell_document(split='train', images=60):
    """Single white cells with the attributes of WBCAtt, most of them neutrophils."""
    classes = ('neutrophil', 'lymphocyte', 'monocyte')
    document = make_document(split, 'cells', classes, WBCATT)
    for number in range(images):
        name = classes[0] if number % 5 < 3 else classes[number % 5 - 2]
        values = {
            key: options[number * 5 // (place + 2) % len(options)]
            for place, (key, options) in enumerate(WBCATT.items())
        }
        nil = number % 4 == 0
        values |= (
            {'granule_type': 'nil', 'granule_colour': 'nil'}
            if nil
            else {'granule_type': 'small', 'granule_colour': 'pink'}
        )
        values['granularity'] = 'no' if nil else 'yes'
        add_image(document, tasks=['cls'], class_name=name, attributes=values)
    return document


def blast_document(split='train', images=40):
    """Fields with one to three cells, each with the attributes of LeukemiaAttri."""
    classes = ('myeloblast', 'lymphoblast')
    document = make_document(split, 'blasts', classes, LEUKEMIA)
    values = itertools.cycle(itertools.product(*LEUKEMIA.values()))
    for number in range(images):
        cells = [
            (classes[(number + place) % 2], dict(zip(LEUKEMIA, next(values), strict=True)))
            for place in range(1 + number % 3)
        ]
        add_image(document, cells, tasks=['det', 'morph'])
    return document


MAKERS = {'fields': field_document, 'cells': cell_document, 'blasts': blast_document}


@pytest.fixture
def write_set(tmp_path, write_image):
    """Callable documents -> data folder."""

    def write(*documents, name='set'):
        root = tmp_path / name
        for document in documents:
            for image in document['images']:
                write_image(root / image['file_name'], image['width'], image['height'])
            path = root / 'annotations' / f'{document["info"]["split"]}.json'
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(document))
        return root

    return write


@pytest.fixture(params=list(MAKERS))
def maker(request):
    """Each of the makers of a document."""
    return MAKERS[request.param]


@pytest.fixture
def makers():
    return MAKERS


@pytest.fixture(name='make_document')
def make_document_fixture():
    return make_document


@pytest.fixture(name='add_image')
def add_image_fixture():
    return add_image
