"""The size of the images that a model was trained with."""

import json

import pytest
from mmengine.config import Config

from unihema_mm.engine.field_size import field_size, field_sizes


def config(root, **more):
    fields = dict(type='SmearDetDataset', tasks=('det', 'morph'), data_root=str(root), ann_file='train.json')
    sets = dict(cells=dict(fields, type='SmearCellDataset', tasks=('cls',)), fields=fields)
    return Config(dict(train_dataloader=dict(dataset=dict(type='MultiSetDataset', datasets=sets)), **more))


def image(width, height, *tasks):
    return dict(width=width, height=height, **(dict(tasks=list(tasks)) if tasks else {}))


@pytest.fixture
def annotations(tmp_path):
    images = [image(640, 480, 'det'), image(640, 480), image(700, 500, 'det'), *[image(128, 128, 'cls')] * 9]
    (tmp_path / 'train.json').write_text(json.dumps(dict(images=images)))


@pytest.mark.usefixtures('annotations')
def test_the_images_of_the_training_tell_it(tmp_path):
    assert field_size(config(tmp_path), 'det') == (640, 480)
    # Images without tasks are for all of them.
    assert field_sizes(config(tmp_path)) == dict(cls=(128, 128), det=(640, 480), morph=(640, 480))


@pytest.mark.usefixtures('annotations')
def test_the_config_comes_first(tmp_path):
    assert field_size(config(tmp_path, field_size=[320, 240]), 'det') == (320, 240)
    by_task = config(tmp_path, field_size=dict(det=[320, 240]))
    assert field_sizes(by_task) == dict(cls=(128, 128), det=(320, 240), morph=(640, 480))


@pytest.mark.parametrize('content', [None, '', '{}', '{"images": []}', '{"images": [3]}', '[]'])
def test_nothing_tells_it(tmp_path, content):
    if content is not None:
        (tmp_path / 'train.json').write_text(content)
    assert field_size(config(tmp_path), 'det') is None
    assert field_sizes(config(tmp_path)) == {}
