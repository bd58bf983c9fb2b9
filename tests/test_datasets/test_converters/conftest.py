"""Tiny sources in the three formats."""

import json

import cv2
import numpy as np
import pytest

OBJECT = (
    '<object><name>{}</name><bndbox>'
    '<xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax></bndbox></object>'
)
SIZE = '<size><width>40</width><height>30</height><depth>3</depth></size>'


def write_image(path, suffix='.jpg', width=40, height=30):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(len(path.name)).integers(0, 255, (height, width, 3), np.uint8)
    path.write_bytes(cv2.imencode(suffix, pixels)[1].tobytes())


def write_text(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def voc_xml(*objects, size=SIZE, folder='JPEGImages', filename=''):
    body = ''.join(OBJECT.format(*item) for item in objects)
    return f'<annotation><folder>{folder}</folder><filename>{filename}</filename>{size}{body}</annotation>'


@pytest.fixture
def voc(tmp_path):
    """Five images with gaps in their numbers in train, val and test."""
    root = tmp_path / 'voc'
    for stem in ('00000', '00003', '00007', '00010', '00012'):
        write_image(root / 'JPEGImages' / f'{stem}.jpg')
        write_text(
            root / 'Annotations' / f'{stem}.xml', voc_xml(('RBC', 1, 2, 11, 12), filename=f'{stem}.jpg')
        )
    for split, stems in {'train': '00000\n00003\n00007\n', 'val': '00010\n', 'test': '00012'}.items():
        write_text(root / 'ImageSets' / 'Main' / f'{split}.txt', stems)
    return root


@pytest.fixture
def yolo(tmp_path):
    """Three images in train and val, with a data.yaml of relative paths."""
    root = tmp_path / 'yolo'
    for split, name in (('train', 'a'), ('train', 'b'), ('val', 'c')):
        write_image(root / 'images' / split / f'{name}.png', '.png')
        write_text(root / 'labels' / split / f'{name}.txt', '0 0.5 0.5 0.25 0.2\n1 0.25 0.5 0.1 0.1\n')
    write_text(root / 'data.yaml', "train: ./images/train/\nval: ./images/val/\nnc: 2\nnames: ['WBC', 'RBC']")
    return root


@pytest.fixture
def coco(tmp_path):
    """Two images in train, one of them without objects, one object with a mask."""
    root = tmp_path / 'coco'
    for name in 'ab':
        write_image(root / 'pictures' / f'{name}.jpg')
    document = {
        'images': [
            {'id': 5, 'file_name': 'b.jpg', 'width': 40, 'height': 30, 'license': 1},
            {'id': 9, 'file_name': 'a.jpg', 'width': 40, 'height': 30, 'license': 1},
        ],
        'annotations': [
            {
                'id': 1,
                'image_id': 5,
                'category_id': 4,
                'bbox': [1, 2, 10, 12],
                'area': 60,
                'iscrowd': 0,
                'segmentation': [[1, 2, 11, 2, 11, 14]],
            },
            {'id': 2, 'image_id': 5, 'category_id': 2, 'bbox': [3, 3, 4, 4]},
        ],
        'categories': [{'id': 2, 'name': 'ring'}, {'id': 4, 'name': 'RBC'}],
    }
    write_text(root / 'annotations' / 'train.json', json.dumps(document))
    return root


@pytest.fixture
def tools():
    """Writers of images, texts and VOC files."""

    class Tools:
        image, text, xml = staticmethod(write_image), staticmethod(write_text), staticmethod(voc_xml)

    return Tools
