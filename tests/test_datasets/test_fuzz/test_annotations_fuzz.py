"""Annotation files of the schema with anything in them: the validator and the datasets agree on them."""

import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unihema_mm.datasets.validation import check_path
from unihema_mm.registry import DATASETS
from unihema_mm.utils.errors import InputError

IMAGE = {
    'width': 24,
    'height': 20,
    'tasks': ['det', 'morph', 'cls', 'seg', 'inst', 'vqa', 'mlm'],
    'prompt': 'Malaria',
    'class_name': 'RBC',
    'attributes': {'cell_size': 'small'},
    'masks': [{'prompt': 'cell', 'file': 'masks/a.png'}],
    'questions': [{'question': 'Any?', 'answer': 'yes', 'answer_type': 'closed', 'generated': True}],
    'sentences': [{'masked': 'A <extra_id_0>.', 'completed': 'A cell.', 'generated': True}],
}
OBJECT = {'category_id': 3, 'bbox': [2, 3, 10, 12], 'area': 120, 'iscrowd': 0}
RLE = 'c26>0000000000000000000a5'
DOCUMENT = {
    'info': {
        'schema_version': '1.0',
        'dataset': 'toy',
        'split': 'train',
        'licence': 'unknown',
        'attributes': {'cell_size': ['small', 'big']},
    },
    'images': [
        {'id': 1, 'file_name': 'images/a.png', **IMAGE},
        {**IMAGE, 'id': 2, 'file_name': 'images/b.png', 'masks': [{'prompt': 'cell', 'file': 'masks/b.png'}]},
    ],
    'annotations': [
        {'id': 1, 'image_id': 1, **OBJECT, 'segmentation': [[2, 3, 12, 3, 12, 15]]},
        {
            **{'id': 2, 'image_id': 2, **OBJECT, 'attributes': {'cell_size': 'big'}},
            'segmentation': {'size': [20, 24], 'counts': [30, 30, 420]},
        },
        {
            'id': 3,
            'image_id': 2,
            **OBJECT,
            'segmentation': {'size': [20, 24], 'counts': 'c26>0000000000000000000a5'},
        },
    ],
    'categories': [{'id': 3, 'name': 'RBC'}, {'id': 7, 'name': 'WBC'}],
}
LOAD = {'type': 'unihema_mm.LoadSmearImage'}
PACK = {'type': 'unihema_mm.PackSmearInputs'}
DATASET_KINDS = [
    {
        'type': 'SmearDetDataset',
        'task': 'inst',
        'pipeline': [
            LOAD,
            {'type': 'unihema_mm.LoadCellAnnotations', 'with_bbox': True, 'with_mask': True},
            {'type': 'mmdet.PackDetInputs', 'meta_keys': ('img_id', 'text')},
        ],
    },
    {'type': 'SmearMaskDataset', 'pipeline': [LOAD, {'type': 'unihema_mm.LoadCellMask'}, PACK]},
    {'type': 'SmearCellDataset', 'pipeline': [LOAD, PACK]},
    {'type': 'SmearTextDataset', 'pipeline': [LOAD]},
    {'type': 'SmearTextDataset', 'pipeline': [LOAD], 'task': 'mlm'},
]


@pytest.fixture(scope='module')
def folder(tmp_path_factory, fuzz):
    root = tmp_path_factory.mktemp('annotations')
    for name in ('annotations', 'images', 'masks'):
        (root / name).mkdir()
    for name in 'ab':
        (root / 'images' / f'{name}.png').write_bytes(fuzz.png(1))
        (root / 'masks' / f'{name}.png').write_bytes(fuzz.mask_png())
    return root


def read_all(root):
    """Build each dataset and read its samples; what cannot be used is told in one line."""
    errors = []
    for kind in DATASET_KINDS:
        try:
            dataset = DATASETS.build(
                {'data_root': str(root), 'ann_file': 'annotations/train.json', 'test_mode': True, **kind}
            )
            for place in range(len(dataset)):
                dataset[place]
        except InputError as error:
            assert len(str(error).splitlines()) == 1 and ': ' in str(error), str(error)
            errors.append(f'{kind["type"]}: {error}')
    return errors


def check_and_read(root, content):
    (root / 'annotations' / 'train.json').write_bytes(content)
    summary = check_path(root, decode=True)
    for fault in map(str, summary.faults):
        assert fault.isprintable() and fault.count(': ') >= 2
    errors = read_all(root)
    if not summary.faults:
        # Whether a task has records, and which classes it knows, is for the dataset to say.
        assert all('meant for the task' in error or 'is not a class' in error for error in errors), errors
    return summary, errors


def test_the_document_is_valid(folder):
    summary, errors = check_and_read(folder, json.dumps(DOCUMENT).encode())
    assert (summary.faults, errors, summary.objects) == ([], [], 3)


@given(data=st.data())
def test_spoiled_document(data, folder, fuzz):
    document = copy.deepcopy(DOCUMENT)
    for _ in range(data.draw(st.integers(1, 2))):
        document = fuzz.spoil_json(data.draw, document)
    check_and_read(folder, json.dumps(document).encode())


@given(data=st.data())
def test_spoiled_bytes(data, folder, fuzz):
    check_and_read(folder, fuzz.spoil_content(data.draw, json.dumps(DOCUMENT).encode()))
