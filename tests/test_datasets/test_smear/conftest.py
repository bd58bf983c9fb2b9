"""What the tests of the datasets build and read."""

import copy

import cv2
import numpy as np
import pytest

from unihema_mm.registry import DATASETS

POLYGON = [[5, 5, 15, 5, 15, 20, 5, 20]]


@pytest.fixture
def build():
    """Callable (class name, data folder, options) -> dataset."""

    def make(kind, root, **options):
        defaults = {'data_root': str(root), 'ann_file': 'annotations/train.json'}
        return DATASETS.build({'type': kind, **defaults, **options})

    return make


@pytest.fixture
def warnings(monkeypatch):
    """Messages that the datasets log."""
    messages = []
    monkeypatch.setattr(
        'unihema_mm.datasets.smear.warning.print_log',
        lambda message, logger, level: messages.append(message),
    )
    return messages


@pytest.fixture
def rich(document):
    """The valid file, every image for every task."""
    template = copy.deepcopy(document['images'][1])
    for image in document['images']:
        image.update({key: copy.deepcopy(template[key]) for key in ('questions', 'sentences')})
        image['tasks'] = ['det', 'morph', 'cls', 'seg', 'inst', 'vqa', 'mlm']
        image['class_name'] = 'WBC'
        image['questions'].append(
            {'question': f'Which {image["id"]}?', 'answer': 'a', 'answer_type': 'open', 'generated': False}
        )
    for item in document['annotations']:
        item['segmentation'] = copy.deepcopy(POLYGON)
    return document


@pytest.fixture
def write_mask():
    """Callable (path, array) that writes an 8-bit mask image."""

    def write(path, mask):
        path.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(path), np.asarray(mask, np.uint8))

    return write
