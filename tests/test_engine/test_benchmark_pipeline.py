import json
import time

import cv2
import numpy as np
import pytest
from mmcv.transforms import BaseTransform
from mmengine.config import Config
from mmengine.registry import DefaultScope

from unihema_mm.engine.benchmark_pipeline import build_both, images_per_second, time_shares


class Slow(BaseTransform):
    """A transform that takes most of the time."""

    def transform(self, results):
        time.sleep(0.02)
        return results


@pytest.fixture
def datasets(tmp_path):
    """Three images from folders and from an LMDB file."""
    (tmp_path / 'toy/images').mkdir(parents=True)
    (tmp_path / 'toy/annotations').mkdir()
    images = []
    for number in range(3):
        images.append({'id': number, 'file_name': f'images/{number}.png', 'width': 40, 'height': 30})
        cv2.imwrite(str(tmp_path / 'toy' / images[-1]['file_name']), np.full((30, 40, 3), number, np.uint8))
    document = {'images': images, 'annotations': [], 'categories': [{'id': 1, 'name': 'RBC'}]}
    (tmp_path / 'toy/annotations/train.json').write_text(json.dumps(document))
    pipeline = [{'type': 'LoadSmearImage'}, Slow(), {'type': 'PackSmearInputs'}]
    part = {
        'type': 'SmearDetDataset',
        'data_root': str(tmp_path / 'toy'),
        'ann_file': 'annotations/train.json',
        'pipeline': pipeline,
    }
    both = {'type': 'MultiSetDataset', 'datasets': {'a': part, 'b': part}}
    (tmp_path / 'packed').mkdir()
    with DefaultScope.overwrite_default_scope('unihema_mm'):
        yield build_both(Config({'train_dataloader': {'dataset': both}}), tmp_path / 'packed')


def test_both_have_the_same_samples(datasets, tmp_path):
    assert [path.name for path in (tmp_path / 'packed').iterdir()] == ['0.lmdb']
    assert len(datasets['folder']) == len(datasets['LMDB']) == 6
    for index in range(6):
        first, second = (dataset[index]['inputs'] for dataset in datasets.values())
        np.testing.assert_array_equal(first, second)
    assert datasets['folder'].datasets[0].image_lmdb is None
    assert datasets['LMDB'].datasets[1].image_lmdb.endswith('0.lmdb')


@pytest.mark.parametrize('workers', [0, 1])
def test_rates(datasets, workers):
    rates = images_per_second(datasets, 4, 2, [workers], turns=1)
    assert list(rates) == [str(workers)] and list(rates[str(workers)]) == ['folder', 'LMDB']
    for row in rates[str(workers)].values():
        assert 0 < row['per_second'] < 100  # the slow transform takes 20 ms of each image
        assert row['per_second_and_worker'] == row['per_second']
    assert rates[str(workers)]['folder']['ratio'] == 1


def test_shares(datasets):
    shares = time_shares(datasets, 3, turns=1)
    assert list(shares) == ['0: toy, det', '1: toy, det']
    for sources in shares.values():
        for row in sources.values():
            assert set(row['shares']) == {'record', 'read image', 'decode image', 'Slow', 'PackSmearInputs'}
            assert sum(row['shares'].values()) == pytest.approx(1)
            assert max(row['shares'], key=row['shares'].get) == 'Slow' and row['milliseconds'] >= 20
