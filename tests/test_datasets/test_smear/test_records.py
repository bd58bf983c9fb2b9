import copy
import gc

import numpy as np
import pytest
from mmengine.dataset import BaseDataset

from unihema_mm.datasets.smear import SmearCellDataset


@pytest.mark.parametrize('kind', ['SmearDetDataset', 'SmearCellDataset', 'SmearTextDataset'])
def test_index_has_the_bytes_that_mmengine_makes(build, rich, write_data, kind):
    root = write_data(rich)
    mine, plain = (build(kind, root, serialize_data=serialize) for serialize in (True, False))
    content, ends = BaseDataset._serialize_data(copy.copy(plain))
    np.testing.assert_array_equal(mine.data_bytes, content)
    np.testing.assert_array_equal(mine.data_address, ends)
    assert [mine.get_data_info(i)['img_id'] for i in range(len(mine))] == [1, 2, 3]
    assert mine.data_list == []


def test_index_of_nothing(build, document, write_data):
    document['annotations'] = []
    assert len(build('SmearDetDataset', write_data(document), filter_cfg={'filter_empty_gt': True})) == 0


def test_collector_pauses_while_records_are_made(build, rich, write_data, monkeypatch):
    seen = []
    parse = SmearCellDataset.parse_data_info
    monkeypatch.setattr(
        SmearCellDataset,
        'parse_data_info',
        lambda self, raw: seen.append(gc.isenabled()) or parse(self, raw),
    )
    build('SmearCellDataset', write_data(rich))
    assert seen == [False] * 3
    assert gc.isenabled()


@pytest.mark.parametrize(
    ('folder', 'ids'), [('images', [1, 2]), ('images/deep', [2]), ('images/', [1, 2]), ('.', [1, 2, 3])]
)
def test_images_below_a_folder(build, rich, write_data, folder, ids):
    for image, name in zip(rich['images'], ('images/a.png', 'images/deep/b.png', 'other/c.png'), strict=True):
        image['file_name'] = name
    dataset = build('SmearCellDataset', write_data(rich), folder=folder)
    assert [dataset.get_data_info(i)['img_id'] for i in range(len(dataset))] == ids
