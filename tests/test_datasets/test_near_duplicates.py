import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from unihema_mm.datasets.image_files import UnreadableImageError
from unihema_mm.datasets.near_duplicates import Repeats, close_pairs, connect, find_repeats


def all_pairs(hashes, radius):
    first, second = np.triu_indices(len(hashes), 1)
    close = np.bitwise_count(hashes[first] ^ hashes[second]) <= radius
    return np.stack((first[close], second[close]), 1)


@pytest.mark.parametrize('radius', [0, 1, 3, 4, 7, 8, 10, 11])
def test_no_close_pair_is_missed(radius):
    random = np.random.default_rng(radius)
    hashes = random.integers(0, 2**64, 400, np.uint64)
    hashes = np.concatenate((hashes, hashes[:300]))
    for place in range(400, 700):
        flipped = random.choice(64, random.integers(0, radius + 3), replace=False)
        hashes[place] ^= np.bitwise_or.reduce(np.uint64(1) << flipped.astype(np.uint64), initial=np.uint64(0))
    found = close_pairs(hashes, radius)
    assert len(found) > 50
    np.testing.assert_array_equal(found, all_pairs(hashes, radius))


def test_close_pairs_in_parts_and_of_full_buckets(monkeypatch):
    monkeypatch.setattr('unihema_mm.datasets.near_duplicates._PAIRS_AT_ONCE', 7)
    hashes = np.array([5, 5, 5, 4, 4, 2**63 + 5], np.uint64)
    np.testing.assert_array_equal(close_pairs(hashes, 2), all_pairs(hashes, 2))
    assert close_pairs(hashes[:1], 10).shape == close_pairs(hashes[:0], 10).shape == (0, 2)


def test_connect():
    assert connect(6, [(0, 4), (4, 2), (3, 5)]) == [[0, 2, 4], [1], [3, 5]]
    assert connect(2, []) == [[0], [1]] and connect(0, []) == []


@pytest.mark.parametrize('workers', [1, 2])
def test_repeats_of_generated_images(tmp_path, picture, workers):
    paths = [tmp_path / f'{index}.png' for index in range(30)]
    for seed, path in enumerate(paths):
        cv2.imwrite(str(path), picture(seed))
    paths[7].write_bytes(paths[3].read_bytes())
    paths[21].write_bytes(paths[3].read_bytes())
    cv2.imwrite(str(paths[12]), picture(5)[1:-1, 1:-1])
    cv2.imwrite(str(paths[28]), cv2.convertScaleAbs(picture(3), alpha=1.05))
    paths[29].write_bytes(b'not an image')
    found = find_repeats(paths, workers=workers)
    assert found == Repeats([[3, 7, 21]], [(3, 28), (5, 12)])
    assert found.links() == [(3, 7, True), (3, 21, True), (3, 28, False), (5, 12, False)]


def test_nothing_one_and_an_absent_image(tmp_path, picture):
    cv2.imwrite(str(tmp_path / 'a.png'), picture(0))
    assert find_repeats([]) == find_repeats([tmp_path / 'a.png']) == Repeats([], [])
    with pytest.raises(UnreadableImageError, match=r'none.png: image: cannot be read'):
        find_repeats([tmp_path / 'none.png'])


def test_cells_on_one_ground_are_not_near_identical(tmp_path):
    """A cell in the middle of a plain ground each, of one size and colour, with nuclei of their own."""
    paths = []
    for seed in range(40):
        random = np.random.default_rng(seed)
        pixels = np.full((120, 120, 3), (220, 205, 235), np.uint8)
        cv2.circle(pixels, (60, 60), 40, (200, 150, 190), -1, cv2.LINE_AA)
        for _ in range(3):
            axes = tuple(random.integers(8, 20, 2).tolist())
            place = tuple(random.integers(42, 78, 2).tolist())
            cv2.ellipse(
                pixels, place, axes, int(random.integers(180)), 0, 360, (140, 50, 110), -1, cv2.LINE_AA
            )
        paths.append(tmp_path / f'{seed}.png')
        cv2.imwrite(str(paths[-1]), pixels)
    assert find_repeats(paths) == Repeats([], [])


REAL = {
    'bccd': ('bccd/BCCD/JPEGImages', {('00037', '00038')}),
    'pbc': ('txl_pbc_v2/TXL-PBC/images', set()),
    'crops': ('segmentation_wbc/Dataset 1', {('157', '158'), ('166', '171'), ('167', '169')}),
    'chula': ('chula_rbc12/Dataset', {('251', '252')}),
}


def real_images(sample, name):
    set_name, _, folder = REAL[name][0].partition('/')
    suffixes = ('.bmp',) if name == 'crops' else ('.jpg', '.png')
    return sorted(path for path in (sample(set_name) / folder).rglob('*') if path.suffix in suffixes)


@pytest.mark.parametrize('name', REAL)
def test_near_identical_pairs_of_real_sets(sample, name):
    paths = real_images(sample, name)
    stems = [re.sub('.*_', '', path.stem) for path in paths]
    found = find_repeats(paths)
    assert {(stems[first], stems[second]) for first, second in found.near} == REAL[name][1]
    identical = {tuple(stems[place] for place in group) for group in found.identical}
    assert identical >= {'crops': {('112', '139')}, 'chula': {('570', '617')}}.get(name, set())


def test_cbc_shares_its_images_with_bccd(sample):
    paths = real_images(sample, 'bccd') + sorted(Path(sample('cbc')).glob('Testing/Images/*.jpg'))
    found = find_repeats(paths)
    assert len(found.identical) == 60 and all(len(group) == 2 for group in found.identical)


@pytest.mark.parametrize('name', REAL)
def test_altered_copies_of_real_images_are_found(sample, tmp_path, name):
    paths = real_images(sample, name)[::12]
    copies = []
    for index, path in enumerate(paths):
        pixels = cv2.imread(str(path))
        if index % 2:
            pixels = cv2.resize(pixels, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        pixels = cv2.convertScaleAbs(pixels, alpha=(0.9, 1.0, 1.1)[index % 3])
        copies.append(tmp_path / f'{index}.jpg')
        cv2.imwrite(str(copies[-1]), pixels, [cv2.IMWRITE_JPEG_QUALITY, (50, 70, 95)[index % 3]])
    found = find_repeats([*paths, *copies])
    assert {(first, second) for first, second in found.near if second >= len(paths)} >= {
        (index, index + len(paths)) for index in range(len(paths))
    }
