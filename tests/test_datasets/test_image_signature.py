import cv2
import numpy as np
import pytest

from unihema_mm.datasets.image_files import UnreadableImageError
from unihema_mm.datasets.image_signature import correlate_details, read_small_grey, sign_image


def write(path, pixels, *options):
    cv2.imwrite(str(path), pixels, options)
    return path


def bits(first, second):
    return (first.coarse ^ second.coarse).bit_count()


def test_copies_have_near_signatures(tmp_path, picture):
    original = sign_image(write(tmp_path / 'a.png', picture(0)))
    assert len(original.digest) == len(original.fine) == 32 and 0 <= original.coarse < 2**64
    small = cv2.resize(picture(0), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    copies = {
        'a.jpg': write(tmp_path / 'a.jpg', picture(0), cv2.IMWRITE_JPEG_QUALITY, 60),
        'small': write(tmp_path / 'small.png', small),
        'dark': write(tmp_path / 'dark.png', cv2.convertScaleAbs(picture(0), alpha=0.9)),
    }
    for path in copies.values():
        copy = sign_image(path)
        assert copy.digest != original.digest and bits(copy, original) <= 6
        assert correlate_details(read_small_grey(path), read_small_grey(tmp_path / 'a.png')) > 0.9
    other = sign_image(write(tmp_path / 'b.png', picture(1)))
    assert bits(other, original) > 12
    assert correlate_details(read_small_grey(tmp_path / 'b.png'), read_small_grey(tmp_path / 'a.png')) < 0.5


def test_details_ignore_ground_and_follow_shifts(picture):
    grey = cv2.cvtColor(picture(0, 64, 64), cv2.COLOR_BGR2GRAY)
    shifted = np.roll(grey, (3, -2), (0, 1))
    ramp = np.clip(grey * 0.7 + np.linspace(0, 60, 64), 0, 255).astype(np.uint8)
    assert correlate_details(grey, shifted) > 0.95
    assert correlate_details(grey, ramp) > 0.95
    assert correlate_details(grey, np.roll(grey, 9, 1)) < 0.6
    assert correlate_details(shifted, grey) == correlate_details(grey, shifted)


def test_images_without_details_are_compared_by_their_bytes(tmp_path):
    flat = sign_image(write(tmp_path / 'flat.png', np.full((30, 40, 3), 200, np.uint8)))
    assert flat.coarse is None and flat.fault is None and flat.fine == b''


def test_unreadable_images(tmp_path, picture):
    path = write(tmp_path / 'a.png', picture(0))
    path.write_bytes(path.read_bytes()[:200])
    signature = sign_image(path)
    assert signature.coarse is None and signature.fault == 'is truncated'
    with pytest.raises(UnreadableImageError, match=r'a.png: image: is truncated'):
        read_small_grey(path)
    with pytest.raises(UnreadableImageError, match=r'none.png: image: cannot be read'):
        sign_image(tmp_path / 'none.png')


@pytest.mark.parametrize('shape', [(1, 1), (1, 3000), (500, 2), (3000, 2000)])
def test_odd_sizes(tmp_path, shape):
    pixels = np.random.default_rng(0).integers(0, 255, shape, np.uint8)
    signature = sign_image(write(tmp_path / 'a.png', pixels))
    assert signature.fault is None and len(signature.fine) in (0, 32)


def test_sixteen_bits_and_transparency(tmp_path, picture):
    plain = sign_image(write(tmp_path / 'a.png', picture(0)))
    deep = sign_image(write(tmp_path / 'deep.png', picture(0).astype(np.uint16) * 257))
    clear = sign_image(write(tmp_path / 'clear.png', cv2.cvtColor(picture(0), cv2.COLOR_BGR2BGRA)))
    assert bits(plain, deep) <= 2 and bits(plain, clear) <= 2
