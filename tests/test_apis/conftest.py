"""A very small model with every task and random weights, in a work folder as a training leaves it."""

from pathlib import Path

import cv2
import pytest
import torch
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope

from unihema_mm.models.text.tokenizer import train_tokenizer
from unihema_mm.registry import MODELS

from .drawn import CELL_CLASSES, CLASSES, smear

PACK = dict(type='PackSmearInputs')
READ = [dict(type='LoadSmearImage'), dict(type='mmdet.Resize', scale=(96, 64), keep_ratio=True)]


def _loader(**dataset):
    return dict(batch_size=2, dataset=dict(data_root='absent/', ann_file='absent.json', **dataset))


def _config(tokenizer: Path) -> Config:
    repo = Path(__file__).resolve().parents[2]
    model = Config.fromfile(repo / 'configs/_base_/models/uni_hema_tiny_all_tasks.py').model
    model.num_queries = model.test_cfg.max_per_img = 12
    model.backbone.base_channels = 8
    model.neck.in_channels = [16, 32, 64]
    model.encoder.num_layers = 1
    model.decoder.num_layers = 2
    model.bbox_head.num_classes = len(CLASSES)
    model.text_encoder.tokenizer = str(tokenizer)
    model.text_encoder.model.num_layers = 1
    model.tasks.inst.shallow_dims = 8
    model.tasks.seg.finder.shallow_dims = 16
    model.tasks.cls.num_classes = len(CELL_CLASSES)
    for key in ('vqa', 'mlm'):
        model.tasks[key].max_new_tokens = 4
    truth = dict(type='LoadCellAnnotations', with_bbox=True)
    fields = dict(type='SmearDetDataset', tasks=('det', 'morph', 'inst'), pipeline=[*READ, truth, PACK])
    mask = dict(type='LoadCellMask')
    test = dict(
        det=_loader(**fields, test_mode=True),
        cls=_loader(type='SmearCellDataset', test_mode=True, pipeline=[*READ, PACK]),
        seg=_loader(type='SmearMaskDataset', test_mode=True, pipeline=[*READ, mask, PACK]),
        vqa=_loader(type='SmearTextDataset', task='vqa', test_mode=True, pipeline=[*READ, PACK]),
    )
    texts = dict(type='SmearTextDataset', pipeline=[*READ, PACK])
    sets = dict(
        fields=fields,
        cells=test['cls']['dataset'],
        seg=test['seg']['dataset'],
        vqa=dict(texts, task='vqa'),
        mlm=dict(texts, task='mlm'),
    )
    train = dict(batch_size=2, dataset=dict(type='MultiSetDataset', datasets=sets))
    return Config(dict(model=model, train_dataloader=train, test_dataloader=test, default_scope='unihema_mm'))


@pytest.fixture(scope='session')
def work_folder(tmp_path_factory) -> Path:
    """Work folder of a training: a checkpoint with the names of its data, and the config."""
    init_default_scope('unihema_mm')
    root = tmp_path_factory.mktemp('apis')
    # A new one, which becomes the current one: that of an earlier run in this process may have a closed file.
    MMLogger.get_instance(root.name)
    train_tokenizer(
        ['How many cells?', 'A round cell.', 'complete blood count cells'], root / 'tokenizer', 300
    )
    cfg = _config(root / 'tokenizer')
    folder = root / 'work'
    folder.mkdir()
    cfg.dump(folder / 'all.py')
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    model.init_weights()
    meta = dict(dataset_meta=dict(sets=dict(fields=dict(classes=CLASSES), cells=dict(classes=CELL_CLASSES))))
    torch.save(dict(state_dict=model.state_dict(), meta=meta), folder / 'epoch_1.pth')
    (folder / 'last_checkpoint').write_text(str(folder / 'epoch_1.pth'))
    return folder


@pytest.fixture(scope='session')
def inferencer(work_folder):
    """The model of :func:`work_folder`."""
    from unihema_mm.apis import UniHemaInferencer

    return UniHemaInferencer(work_folder, device='cpu')


@pytest.fixture
def image_folder(tmp_path) -> Path:
    """Three images of two sizes, one of them in a subfolder, and other files."""
    folder = tmp_path / 'smears'
    (folder / 'b').mkdir(parents=True)
    (folder / '.hidden').mkdir()
    for seed, name in enumerate(('c.PNG', 'a.png', 'b/a.png', '.hidden/d.png')):
        cv2.imwrite(str(folder / name), smear(seed=seed, width=72 if seed else 60)[..., ::-1])
    (folder / 'notes.txt').write_text('not an image')
    return folder
