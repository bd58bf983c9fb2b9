import pickle

import pytest
from mmengine.dataset import ConcatDataset

from unihema_mm.datasets.smear import MultiSetDataset, max_objects_per_image
from unihema_mm.registry import DATASETS
from unihema_mm.utils.errors import InputError


def config(root, **kinds):
    common = {'data_root': str(root), 'ann_file': 'annotations/train.json', 'serialize_data': False}
    return {name: {'type': kind, **common} for name, kind in kinds.items()}


KINDS = {
    'det': 'SmearDetDataset',
    'cls': 'SmearCellDataset',
    'seg': 'SmearMaskDataset',
    'vqa': 'SmearTextDataset',
}


def test_sets_of_different_kinds(rich, write_data):
    rich['images'][0]['tasks'] = ['det']
    sets = config(write_data(rich), **KINDS)
    sets['cls']['classes'] = ['ring', 'RBC', 'WBC']
    dataset = DATASETS.build({'type': 'MultiSetDataset', 'datasets': {**sets, 'mlm': None}})
    assert isinstance(dataset, ConcatDataset) and len(dataset) == 9
    assert dataset.set_ranges == {'det': range(3), 'cls': range(3, 5), 'seg': range(5, 7), 'vqa': range(7, 9)}
    tasks = [dataset.get_data_info(part.start)['tasks'] for part in dataset.set_ranges.values()]
    assert tasks == [(name,) for name in KINDS]
    assert max_objects_per_image(dataset) == 2
    assert 'classes' not in dataset.metainfo
    assert dataset.metainfo['sets']['det']['classes'] == ('RBC', 'WBC')
    assert dataset.metainfo['sets']['cls']['classes'] == ('ring', 'RBC', 'WBC')
    assert dataset.metainfo['attributes'] == {'cell_size': ('small', 'big')}
    assert pickle.loads(pickle.dumps(dataset)).set_ranges == dataset.set_ranges


def test_what_the_sets_have_in_common(rich, write_data):
    dataset = MultiSetDataset(config(write_data(rich), **KINDS))
    assert dataset.metainfo['classes'] == ('RBC', 'WBC')


def test_wrappers_are_sets_too(rich, write_data):
    root = write_data(rich)
    inner = {**config(root, det='SmearDetDataset')['det'], 'type': 'unihema_mm.SmearDetDataset'}
    repeated = {'type': 'RepeatDataset', 'dataset': inner, 'times': 2}
    dataset = MultiSetDataset({'a': repeated, 'b': DATASETS.build(repeated)})
    assert dataset.set_ranges == {'a': range(6), 'b': range(6, 12)}
    assert dataset.metainfo['classes'] == ('RBC', 'WBC')


def test_images_of_rare_classes_are_repeated(rich, write_data):
    """A class on one of three images has the factor sqrt(0.6 / (1 / 3)) = 1.34, rounded up to 2."""
    for image, name in zip(rich['images'], ('WBC', 'RBC', 'WBC'), strict=True):
        image['class_name'] = name
    rich['annotations'][0]['category_id'] = 7  # image 1: two WBC
    rich['annotations'][2]['category_id'] = 3  # image 2: one RBC; image 3 has no object
    sets = config(write_data(rich), det='SmearDetDataset', cls='SmearCellDataset')
    balanced = {
        name: {
            'type': 'ClassBalancedDataset',
            'oversample_thr': 0.6,
            'dataset': {**inner, 'type': f'unihema_mm.{inner["type"]}'},
        }
        for name, inner in sets.items()
    }
    dataset = MultiSetDataset(balanced)
    images = {
        name: [dataset.get_data_info(index)['img_id'] for index in part]
        for name, part in dataset.set_ranges.items()
    }
    assert images == {'det': [1, 1, 2, 2, 3], 'cls': [1, 2, 2, 3]}  # WBC: one field, two cells
    assert dataset.metainfo['classes'] == ('RBC', 'WBC') and max_objects_per_image(dataset) == 2


def test_read_later(tmp_path, rich, write_data):
    sets = config(tmp_path / 'data', det='SmearDetDataset')
    sets['det']['lazy_init'] = True
    dataset = MultiSetDataset(sets, lazy_init=True)
    write_data(rich)
    assert dataset.set_ranges == {'det': range(3)}


def test_no_set():
    with pytest.raises(InputError, match='names no data set'):
        MultiSetDataset({'det': None})
