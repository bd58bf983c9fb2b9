import numpy as np
import pytest

from unihema_mm.datasets.image_files import UnreadableImageError
from unihema_mm.registry import TRANSFORMS
from unihema_mm.utils.errors import InputError


def test_loads_like_mmcv(tmp_path, write_image):
    write_image(tmp_path / 'a.png')
    load = TRANSFORMS.build({'type': 'LoadSmearImage'})
    reference = TRANSFORMS.build({'type': 'LoadImageFromFile'})
    record = {'img_path': str(tmp_path / 'a.png')}
    mine, theirs = load(dict(record)), reference(dict(record))
    assert mine.keys() == theirs.keys()
    np.testing.assert_array_equal(mine['img'], theirs['img'])
    assert mine['ori_shape'] == theirs['ori_shape'] == (30, 40)


def test_to_float32(tmp_path, write_image):
    write_image(tmp_path / 'a.png')
    load = TRANSFORMS.build({'type': 'LoadSmearImage', 'to_float32': True})
    assert load({'img_path': str(tmp_path / 'a.png')})['img'].dtype == np.float32


@pytest.mark.parametrize('fault', ['truncated', 'text', 'absent', 'folder'])
def test_unreadable_image_is_named(tmp_path, write_image, fault):
    path = tmp_path / 'a.jpg'
    if fault == 'truncated':
        write_image(path)
        path.write_bytes(path.read_bytes()[:-300])
    elif fault == 'text':
        path.write_text('not an image')
    elif fault == 'folder':
        path.mkdir()
    with pytest.raises(UnreadableImageError, match=r'a\.jpg: image: '):
        TRANSFORMS.build({'type': 'LoadSmearImage'})({'img_path': str(path)})


@pytest.mark.parametrize('size', [{'width': 21, 'height': 30}, {'width': 40, 'height': 31}])
def test_size_that_is_not_that_of_the_record(tmp_path, write_image, size):
    write_image(tmp_path / 'a.png')
    load = TRANSFORMS.build({'type': 'LoadSmearImage'})
    record = {'img_path': str(tmp_path / 'a.png'), 'img_id': 7, 'width': 40, 'height': 30}
    assert load(dict(record))['img_shape'] == (30, 40)
    with pytest.raises(
        InputError, match=r'a\.png: image 7: width, height: .* the image file has 40x30; correct'
    ):
        load({**record, **size})
