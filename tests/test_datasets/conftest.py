"""A small valid data folder that tests spoil on purpose."""

import copy
import json

import cv2
import numpy as np
import pytest

DOCUMENT = {
    'info': {
        'schema_version': '1.0',
        'dataset': 'toy',
        'split': 'train',
        'licence': 'unknown',
        'attributes': {'cell_size': ['small', 'big']},
    },
    'images': [
        {
            'id': 1,
            'file_name': 'images/a.png',
            'width': 40,
            'height': 30,
            'tasks': ['det'],
            'prompt': 'Malaria',
        },
        {
            'id': 2,
            'file_name': 'images/b.png',
            'width': 40,
            'height': 30,
            'tasks': ['det', 'cls', 'vqa', 'mlm'],
            'prompt': 'RBC',
            'class_name': 'RBC',
            'questions': [{'question': 'Any?', 'answer': 'yes', 'answer_type': 'closed', 'generated': True}],
            'sentences': [{'masked': 'A <extra_id_0>.', 'completed': 'A cell.', 'generated': True}],
        },
        {'id': 3, 'file_name': 'images/c.png', 'width': 40, 'height': 30, 'tasks': ['det'], 'prompt': 'RBC'},
    ],
    'annotations': [
        {'id': 1, 'image_id': 1, 'category_id': 3, 'bbox': [1, 2, 10, 12], 'area': 120, 'iscrowd': 0},
        {
            'id': 2,
            'image_id': 1,
            'category_id': 7,
            'bbox': [20, 5, 8.5, 9],
            'area': 76.5,
            'iscrowd': 0,
            'attributes': {'cell_size': 'small'},
        },
        {'id': 3, 'image_id': 2, 'category_id': 7, 'bbox': [0, 0, 40, 30], 'area': 1200, 'iscrowd': 0},
    ],
    'categories': [{'id': 3, 'name': 'RBC'}, {'id': 7, 'name': 'WBC'}],
}


@pytest.fixture
def document():
    """A valid annotation file with gaps in its category ids and one image without objects."""
    return copy.deepcopy(DOCUMENT)


@pytest.fixture
def write_data(tmp_path):
    """Callable document -> data folder with its images and annotations/train.json."""

    def write(content: dict, split: str = 'train'):
        root = tmp_path / 'data'
        (root / 'images').mkdir(parents=True, exist_ok=True)
        (root / 'annotations').mkdir(exist_ok=True)
        for image in content['images']:
            write_image(root / image['file_name'], image['width'], image['height'])
        (root / 'annotations' / f'{split}.json').write_text(json.dumps(content))
        return root

    return write


def write_image(path, width=40, height=30, suffix=None):
    """Write a noise image; ``suffix`` names the format where it is not that of the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8)
    path.write_bytes(cv2.imencode(suffix or path.suffix, pixels)[1].tobytes())


@pytest.fixture(name='write_image')
def write_image_fixture():
    return write_image


@pytest.fixture
def picture():
    """Callable seed -> an image of its own of many cells on a plain pink ground."""

    def draw(seed: int, height: int = 96, width: int = 128):
        random = np.random.default_rng(seed)
        pixels = np.full((height, width, 3), (220, 205, 235), np.uint8)
        for _ in range(25):
            place = int(random.integers(width)), int(random.integers(height))
            colour = random.integers(60, 200, 3).tolist()
            cv2.circle(pixels, place, int(random.integers(4, 14)), colour, -1, cv2.LINE_AA)
        return pixels

    return draw
