"""Large images are predicted by tiles of the size of the training's fields, others as they are."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import tifffile
from mmengine.config import Config

from unihema_mm.apis import FailedImage
from unihema_mm.apis.tiling_choice import AUTO_PIXELS, TilingChoice
from unihema_mm.utils.errors import InputError

from .drawn import smear

ALL = dict(score_threshold=0.0, progress=False)


def config(root, **more):
    fields = dict(type='SmearDetDataset', tasks=('det', 'morph'), data_root=str(root), ann_file='train.json')
    sets = dict(cells=dict(fields, type='SmearCellDataset', tasks=('cls',)), fields=fields)
    return Config(dict(train_dataloader=dict(dataset=dict(type='MultiSetDataset', datasets=sets)), **more))


def test_nothing_tells_the_size(tmp_path):
    with pytest.raises(InputError, match='give tile='):
        _ = TilingChoice('auto', None, config(tmp_path), 'det').size


def test_auto_takes_mosaics_alone(tmp_path):
    choice = TilingChoice('auto', None, config(tmp_path), 'det')
    assert not choice.takes(5000, AUTO_PIXELS // 5000) and choice.takes(5001, AUTO_PIXELS // 5000)
    assert not choice.takes_file(tmp_path / 'absent.png') and not choice.takes_file(None)
    given = TilingChoice(64, 8, config(tmp_path), 'det')
    assert given.size == 64 and given.takes(1, 1) and given.takes_file(None)
    with pytest.raises(InputError, match='overlap'):
        TilingChoice(64, 40, config(tmp_path), 'det')


@pytest.fixture
def small_limit(monkeypatch, inferencer):
    """Auto takes tiles above two smears, of the size of one."""
    monkeypatch.setattr('unihema_mm.apis.tiling_choice.AUTO_PIXELS', 72 * 48 * 2)
    cfg = Config(dict(inferencer.loaded.cfg.to_dict(), field_size=(72, 48)))
    monkeypatch.setattr(inferencer, 'loaded', replace(inferencer.loaded, cfg=cfg))


def test_a_folder_of_fields_and_mosaics(inferencer, small_limit, tmp_path):
    field, mosaic = smear(), np.tile(smear(), (2, 3, 1))
    for name, picture in dict(a=field, b=mosaic, c=field, e=field).items():
        cv2.imwrite(str(tmp_path / f'{name}.png'), picture[..., ::-1])
    (tmp_path / 'd.png').write_bytes(b'no image')
    tifffile.imwrite(tmp_path / 'f.tif', mosaic, photometric='rgb', tile=(16, 16), compression='zlib')
    results = list(inferencer(tmp_path, tasks='det', batch_size=2, **ALL))
    assert [result.name for result in results] == ['a.png', 'b.png', 'c.png', 'd.png', 'e.png', 'f.tif']
    assert isinstance(results[3], FailedImage)
    tiled = [any('tiles of 72 x 48' in line for line in getattr(r, 'warnings', ())) for r in results]
    assert tiled == [False, True, False, False, False, True]
    assert [cell.bbox for cell in results[1].cells] == [cell.bbox for cell in results[5].cells]
    (whole,) = inferencer(tmp_path / 'b.png', tasks='det', tile=None, **ALL)
    assert 'tiles of' not in ' '.join(whole.warnings) and len(whole.cells) < len(results[1].cells)


def test_mosaics_in_memory(inferencer, small_limit):
    mosaic = np.tile(smear(), (2, 3, 1))
    deep = mosaic.astype(np.uint16) * 257
    results = list(inferencer([smear(), mosaic, deep], tasks='det', **ALL))
    assert ['tiles of 72 x 48' in ' '.join(result.warnings) for result in results] == [False, True, True]
    assert ['16 bits' in ' '.join(result.warnings) for result in results] == [False, False, True]
    assert [cell.bbox for cell in results[1].cells] == [cell.bbox for cell in results[2].cells]


def test_auto_leaves_single_cells_and_questions_alone(inferencer, small_limit):
    mosaic = np.tile(smear(), (2, 3, 1))
    (cell,) = inferencer(mosaic, tasks='cls', **ALL)
    assert cell.cell_class is not None
    (answer,) = inferencer(mosaic, tasks='vqa', questions='How many?', **ALL)
    assert len(answer.answers) == 1
    with pytest.raises(InputError, match='tiles are for detection'):
        inferencer(mosaic, tasks='cls', tile=72, **ALL)


def test_a_mosaic_of_unknown_magnification_fails_in_one_line(inferencer, monkeypatch):
    monkeypatch.setattr('unihema_mm.apis.tiling_choice.AUTO_PIXELS', 72 * 48)
    mosaic, field = inferencer([np.tile(smear(), (2, 2, 1)), smear()], tasks='det', **ALL)
    assert isinstance(mosaic, FailedImage) and 'give tile=' in mosaic.error and '\n' not in mosaic.error
    assert field.cells
