"""The base configs of the data sets, on a small synthetic corpus."""

from collections import Counter

import pytest
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import Runner

from unihema_mm.datasets.synthetic.corpus import generate_corpus
from unihema_mm.registry import DATASETS


@pytest.fixture(scope='module')
def corpus(tmp_path_factory):
    root = tmp_path_factory.mktemp('corpus')
    generate_corpus(root, num=6, cells=24, progress=False)
    return root


@pytest.fixture
def load(repo, corpus):
    """Callable name -> base config whose data sets lie in the corpus."""

    def moved(node):
        if isinstance(node, dict):
            return {key: str(corpus) if key == 'data_root' else moved(value) for key, value in node.items()}
        return [moved(value) for value in node] if isinstance(node, list) else node

    def read(name):
        return Config(moved(Config.fromfile(repo / f'configs/_base_/datasets/{name}.py').to_dict()))

    with DefaultScope.overwrite_default_scope('unihema_mm'):
        yield read


@pytest.mark.parametrize(
    ('name', 'kinds', 'size'),
    [('smear_cls', ['cls'], 512), ('smear_seg', ['seg'], 512), ('smear_text', ['vqa', 'mlm'], 256)],
)
def test_full_size(load, name, kinds, size):
    cfg = load(name)
    for kind in kinds:
        for split in ('train', 'val', 'test'):
            packed = DATASETS.build(cfg[f'{kind}_{split}'])[0]
            assert packed['inputs'].shape == (3, size, size)
            assert packed['data_samples'].tasks == (kind,)
    if name == 'smear_seg':  # the last of the loop is a test sample
        sample = packed['data_samples']
        assert sample.gt_sem_seg.shape == sample.ori_shape != sample.img_shape


@pytest.mark.parametrize(('name', 'longest'), [('smear_det', 1333), ('smear_inst', 1024)])
def test_full_size_fields(load, name, longest):
    dataset = DATASETS.build(load(name).train_dataloader.dataset)
    sizes = set()
    for _ in range(6):
        sample = dataset[0]['data_samples']
        height, width = sample.img_shape
        sizes.add(sample.img_shape)
        assert max(height, width) <= longest
        for x1, y1, x2, y2 in sample.gt_instances.bboxes.tensor.tolist():
            assert 0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height
        if name == 'smear_inst':
            assert sample.gt_instances.masks.masks.shape[1:] == sample.img_shape
    assert len(sizes) > 1


def test_all_tasks_small(load):
    cfg = load('smear_all_tasks_small')
    cfg.train_dataloader.update(num_workers=0, persistent_workers=False)
    loader = Runner.build_dataloader(cfg.train_dataloader, seed=0)
    cells, fields = ('cls', 'vqa', 'mlm'), ('det', 'morph', 'inst', 'vqa', 'mlm')
    steps = ({cells: 8, ('seg',): 2}, (128, 128)), ({fields: 2, ('seg',): 1}, (240, 320))
    for batch, place in zip(loader, (0, 1, 0, 0, 1, 0), strict=False):
        composition, size = steps[place]
        assert {tuple(image.shape[1:]) for image in batch['inputs']} == {size}
        assert Counter(sample.tasks for sample in batch['data_samples']) == composition
    assert cfg.test_dataloader.keys() == cfg.test_evaluator.keys()
    assert cfg.val_dataloader.keys() == cfg.val_evaluator.keys()
    for part in cfg.test_dataloader.values():
        dataset = DATASETS.build(part.dataset)
        assert dataset.test_mode and max(dataset[0]['inputs'].shape) <= 320


def test_all_tasks_full_size(load):
    cfg = load('smear_all_tasks')
    for part in (cfg.train_dataloader, *cfg.test_dataloader.values()):
        part.update(num_workers=0, persistent_workers=False)
    batches = iter(Runner.build_dataloader(cfg.train_dataloader, seed=0))
    found = [Counter(sample.tasks for sample in next(batches)['data_samples']) for _ in range(2)]
    assert found == [{('det', 'morph', 'inst'): 2, ('cls',): 2, ('seg',): 2}, {('vqa',): 6, ('mlm',): 6}]
    assert cfg.test_dataloader.keys() == cfg.test_evaluator.keys()
    assert cfg.val_dataloader.keys() == cfg.val_evaluator.keys()
    for name, part in cfg.test_dataloader.items():
        dataset = DATASETS.build(part.dataset)
        assert dataset.test_mode and min(dataset[0]['inputs'].shape[1:]) == (
            800 if name == 'det' else 256 if name.startswith(('vqa', 'mlm')) else 512
        )
