"""Results go to JSON and back without loss."""

import json

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from unihema_mm.structures.mask_rle import decode_image, decode_pixels, encode_pixels
from unihema_mm.structures.results import (
    RESEARCH_USE,
    Answer,
    Cell,
    CellClass,
    CellMask,
    FailedImage,
    ImageResult,
    Sentence,
)
from unihema_mm.utils.errors import InputError


def make_result(**changes) -> ImageResult:
    rng = np.random.default_rng(0)
    cells = (
        Cell(
            (1.5, 2.25, 9.0, 8.0),
            'WBC',
            1,
            0.875,
            {'size': 'big'},
            {'size': 0.5},
            CellMask(2, 3, np.eye(4) > 0),
            0.5,
        ),
        Cell((0.0, 0.0, 4.0, 4.0), 'RBC', 0, 0.5),
    )
    fields = dict(
        name='b/ä.png',
        path='/data/b/ä.png',
        width=20,
        height=13,
        tasks=('det', 'vqa'),
        prompt='Malaria',
        classes=('RBC', 'WBC'),
        cells=cells,
        mask=rng.integers(0, 2, (13, 20), np.uint8),
        cell_class=CellClass('WBC', 1, 0.75, {'RBC': 0.25, 'WBC': 0.75}, {'size': 'big'}),
        answers=(Answer('How many?', 'Two'),),
        sentences=(Sentence('A <extra_id_0>', 'A cell'),),
        thresholds={'score': 0.3},
        seconds=0.1,
        warnings=('dark',),
    )
    return ImageResult(**{**fields, **changes})


@pytest.mark.parametrize(
    'changes', [{}, dict(cells=None, mask=None, cell_class=None), dict(cells=(), answers=(), path=None)]
)
def test_round_trip(changes):
    result = make_result(**changes)
    again = ImageResult.from_dict(json.loads(result.to_json()))
    assert again == result and type(again.cells) is type(result.cells)
    if result.cells:
        assert again.cells == result.cells and again.cells[0].mask.pixels.dtype == bool
    if result.mask is not None:
        np.testing.assert_array_equal(again.mask, result.mask)
        assert again != make_result(**changes, mask=1 - result.mask)
    assert result.to_dict()['use'] == RESEARCH_USE


def test_a_mask_is_that_of_the_whole_image():
    encoded = make_result().to_dict()['cells'][0]['mask']
    whole = np.zeros((13, 20), np.uint8)
    whole[3:7, 2:6] = np.eye(4)
    np.testing.assert_array_equal(coco_mask.decode(encoded), whole)


@pytest.mark.parametrize('share', [0.0, 0.02, 0.5, 0.98, 1.0])
@pytest.mark.parametrize('size', [(1, 1), (1, 9), (9, 1), (17, 23)])
def test_encoding_equals_pycocotools(share, size):
    rng = np.random.default_rng(int(share * 100))
    mask = (rng.random(size) < share).astype(np.uint8)
    expected = coco_mask.encode(np.asfortranarray(mask))
    encoded = encode_pixels(mask, 0, 0, size[1], size[0])
    assert encoded == dict(size=list(size), counts=expected['counts'].decode())
    np.testing.assert_array_equal(decode_image(encoded), mask)
    large = np.zeros((30, 40), np.uint8)
    large[5 : 5 + size[0], 7 : 7 + size[1]] = mask
    encoded = encode_pixels(mask, 7, 5, 40, 30)
    np.testing.assert_array_equal(decode_image(encoded), large)
    pixels, x, y = decode_pixels(encoded)
    cut = np.zeros_like(large)
    cut[y : y + pixels.shape[0], x : x + pixels.shape[1]] = pixels
    np.testing.assert_array_equal(cut, large)


def test_what_is_no_result_is_refused():
    content = make_result().to_dict()
    for changes, text in (
        (dict(schema_version='9'), "is '9', this version reads '1.0'"),
        (dict(tasks=None), 'a field is not what it should be'),
        (dict(extra=1), 'a field is not what it should be'),
    ):
        with pytest.raises(InputError, match=text):
            ImageResult.from_dict({**content, **changes})
    del content['cells'][0]['bbox']
    with pytest.raises(InputError, match='bbox is missing'):
        ImageResult.from_dict(content)


def test_a_failure_is_plain():
    failed = FailedImage('a.png', None, 'a.png: image: is empty')
    assert json.loads(json.dumps(failed.to_dict()))['error'] == failed.error
