import copy
import json

import cv2
import numpy as np
import pytest

from unihema_mm.datasets.validation import check_path


def lines(summary):
    return [str(fault) for fault in summary.faults]


def test_valid_folder_and_file(document, write_data):
    root = write_data(document)
    for path in (root, root / 'annotations' / 'train.json'):
        summary = check_path(path, decode=True)
        assert lines(summary) == []
        assert (summary.files, summary.images, summary.objects, summary.decoded) == (1, 3, 3, 3)


def test_absent_folder_and_folder_without_annotations(tmp_path):
    assert 'does not exist' in lines(check_path(tmp_path / 'none'))[0]
    assert 'holds no .json file' in lines(check_path(tmp_path))[0]


def test_broken_file_does_not_hide_the_others(document, write_data):
    root = write_data(document)
    document['images'][0]['width'] = 0
    (root / 'annotations' / 'val.json').write_text('{"images": [')
    (root / 'annotations' / 'test.json').write_text(json.dumps(document))
    found = lines(check_path(root))
    assert any('val.json: file: content: is truncated' in line for line in found)
    assert any('test.json: image 1: width' in line for line in found)


def test_missing_image_and_mask(document, write_data):
    document['images'][1]['mask_file'] = 'masks/none.png'
    root = write_data(document)
    (root / 'images' / 'a.png').unlink()
    found = lines(check_path(root, decode=True))
    assert len(found) == 2
    assert "image 1: file_name: 'images/a.png' does not exist" in found[0]
    assert "image 2: mask_file: 'masks/none.png' does not exist" in found[1]


def test_same_image_in_two_splits_and_wrong_split_name(document, write_data):
    root = write_data(document)
    other = copy.deepcopy(document)
    (root / 'annotations' / 'val.json').write_text(json.dumps(other))
    found = lines(check_path(root))
    assert any("info: split: is 'train' in val.json" in line for line in found)
    assert sum('is also in train.json; keep an image in one split only' in line for line in found) == 3


@pytest.mark.parametrize('workers', [1, 2])
def test_decoding_finds_truncated_files_and_wrong_sizes(document, write_data, workers):
    root = write_data(document)
    content = (root / 'images' / 'a.png').read_bytes()
    (root / 'images' / 'a.png').write_bytes(content[: len(content) // 2])
    document['images'][1]['width'] = 41
    (root / 'annotations' / 'train.json').write_text(json.dumps(document))
    assert lines(check_path(root)) == []
    found = lines(check_path(root, decode=True, workers=workers))
    assert len(found) == 2
    assert "image 1: file_name: 'images/a.png' is truncated" in found[0]
    assert 'image 2: width, height: are 41x30, the image file has 40x30' in found[1]


MASK = np.zeros((30, 40), np.uint8)
MASK[5:9, 3:7] = 255
FAULTY_MASKS = {
    'is 39x30, its record says 40x30': MASK[:, 1:],
    'has the levels 155; write 0 for background and 255': np.where(MASK, 155, 0).astype(np.uint8),
    'has 3 channels, not 1; write an 8-bit PNG': np.dstack([MASK] * 3),
    'has uint16 levels, not 8 bits': MASK.astype(np.uint16),
    'is empty': None,
}


@pytest.mark.parametrize('key', ['masks', 'mask_file'])
@pytest.mark.parametrize('expected', FAULTY_MASKS)
def test_decoding_finds_faulty_masks(document, write_data, key, expected):
    names = {'masks': [{'prompt': 'RBC', 'file': 'masks/a.png'}, {'prompt': 'WBC', 'file': 'masks/b.png'}]}
    document['images'][0].update(tasks=['seg'], **{key: names.get(key, 'masks/b.png')})
    root = write_data(document)
    for name in 'ab':
        write_mask(root / 'masks' / f'{name}.png', MASK)
    assert lines(check_path(root, decode=True)) == []
    write_mask(root / 'masks' / 'b.png', FAULTY_MASKS[expected])
    assert lines(check_path(root)) == []
    (found,) = lines(check_path(root, decode=True))
    field = 'masks[1].file' if key == 'masks' else 'mask_file'
    assert f"image 1: {field}: 'masks/b.png' {expected}" in found
    (root / 'masks' / 'b.png').unlink()
    (found,) = lines(check_path(root, decode=True))
    assert f"image 1: {field}: 'masks/b.png' does not exist" in found


def write_mask(path, pixels):
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b'' if pixels is None else cv2.imencode('.png', pixels)[1].tobytes())
