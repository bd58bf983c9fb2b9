import copy
import gc

import numpy as np
import pytest
import torch
from mmengine.dataset import BaseDataset, Compose
from torch.utils.data import DataLoader

from unihema_mm.datasets.packing import pack_images
from unihema_mm.datasets.schema import DataError
from unihema_mm.datasets.smear import SmearCellDataset
from unihema_mm.utils.errors import InputError


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


KINDS = {
    'SmearDetDataset': [{'type': 'unihema_mm.LoadCellAnnotations', 'with_bbox': True}],
    'SmearCellDataset': [],
    'SmearMaskDataset': [{'type': 'unihema_mm.LoadCellMask'}],
    'SmearTextDataset': [],
}


@pytest.fixture
def two_ways(build, rich, write_data, write_mask):
    """Callable (kind, options) -> samples of folders, the dataset on an LMDB alone, the data folder."""
    rich['images'][1]['mask_file'] = 'masks/b.png'
    root = write_data(rich)
    write_mask(root / 'masks/b.png', np.eye(30, 40) * 255)

    def make(kind, **options):
        pipeline = [
            {'type': 'unihema_mm.LoadSmearImage'},
            *KINDS[kind],
            {'type': 'unihema_mm.PackSmearInputs'},
        ]
        options = {'pipeline': pipeline, **options}
        folders = build(kind, root, **options)
        samples = [folders[index] for index in range(len(folders))]
        pack_images(root)
        for name in ('images', 'masks'):
            (root / name).rename(root / f'{name} are away')
        return samples, build(kind, root, image_lmdb='images.lmdb', **options), root

    return make


def plain(value):
    """Nested data as dicts of arrays."""
    if hasattr(value, 'to_dict'):
        value = value.to_dict()
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value.numpy() if hasattr(value, 'numpy') else value


@pytest.mark.parametrize('kind', KINDS)
def test_samples_of_an_lmdb_are_those_of_the_folders(two_ways, kind):
    samples, packed, _ = two_ways(kind, **({'text_only': True} if kind == 'SmearTextDataset' else {}))
    assert len(samples) == len(packed) == 3
    for index, sample in enumerate(samples):
        other = packed[index]
        assert torch.equal(sample['inputs'], other['inputs'])
        np.testing.assert_equal(plain(other['data_samples']), plain(sample['data_samples']))
    if kind == 'SmearMaskDataset':
        assert packed[1]['data_samples'].gt_sem_seg.sem_seg.sum() == 30


def test_workers_read_the_lmdb(two_ways):
    samples, packed, _ = two_ways('SmearCellDataset', test_mode=True)
    packed[0]  # opens the file before the fork
    loader = DataLoader(packed, num_workers=1, multiprocessing_context='fork', collate_fn=list)
    for sample, (other,) in zip(samples, loader, strict=True):
        assert torch.equal(sample['inputs'], other['inputs'])


def test_image_that_an_lmdb_lacks(two_ways, build, rich, write_data, warnings):
    _, _, root = two_ways('SmearCellDataset')
    rich['images'][0]['file_name'] = 'images/new.png'
    write_data(rich)
    with pytest.raises(DataError, match=r'1 of 3 image files .*/images\.lmdb: images/new\.png; pack them'):
        build('SmearCellDataset', root, image_lmdb='images.lmdb')
    packed = build('SmearCellDataset', root, image_lmdb='images.lmdb', check_files=False)
    packed.pipeline = Compose([{'type': 'unihema_mm.LoadSmearImage'}])
    assert packed[0]['img_id'] in (2, 3)
    assert 'new.png: image: cannot be read (is not in ' in warnings[0]


def test_broken_image_of_an_lmdb(two_ways, build, warnings):
    _, _, root = two_ways('SmearCellDataset')
    for name in ('images', 'masks'):
        (root / f'{name} are away').rename(root / name)
    path = root / 'images/a.png'
    path.write_bytes(path.read_bytes()[:-200])
    pack_images(root)
    pipeline = [{'type': 'unihema_mm.LoadSmearImage'}]
    training = build('SmearCellDataset', root, image_lmdb='images.lmdb', pipeline=pipeline)
    assert training[0]['img_id'] in (2, 3)
    assert 'a.png: image: is truncated' in warnings[0]
    testing = build('SmearCellDataset', root, image_lmdb='images.lmdb', pipeline=pipeline, test_mode=True)
    with pytest.raises(InputError, match=r'a\.png: image: is truncated'):
        testing[0]


def test_lmdb_that_is_not_there(build, rich, write_data):
    with pytest.raises(InputError, match=r'data/images\.lmdb: image_lmdb: path: cannot be read .*; make it'):
        build('SmearCellDataset', write_data(rich), image_lmdb='images.lmdb')
