import io
import os
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from unihema_mm.datasets.image_files import (
    UnreadableImageError,
    decode_colour_mask,
    decode_image,
    decode_mask,
    fault_of_image,
    image_format,
    image_size,
    missing_files,
    proper_suffix,
)


def encoded(suffix, width=40, height=30):
    pixels = np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8)
    return cv2.imencode(suffix, pixels)[1].tobytes()


@pytest.mark.parametrize(
    ('suffix', 'kind'),
    [('.jpg', 'jpeg'), ('.png', 'png'), ('.bmp', 'bmp'), ('.tif', 'tiff'), ('.webp', 'webp')],
)
def test_format_and_size(suffix, kind):
    content = encoded(suffix)
    assert image_format(content) == kind
    assert image_size(content) == (40, 30)
    assert fault_of_image(content) is None


def test_jpeg_named_png_gets_its_suffix():
    assert proper_suffix('x.png', encoded('.jpg')) == '.jpg'
    assert proper_suffix('x.PNG', encoded('.png')) == '.PNG'
    assert proper_suffix('x.jpeg', encoded('.jpg')) == '.jpeg'


@pytest.mark.parametrize('suffix', ['.jpg', '.png', '.bmp', '.webp'])
def test_truncated_image(suffix, tmp_path):
    path = tmp_path / f'x{suffix}'
    content = encoded(suffix)
    path.write_bytes(content[: len(content) * 2 // 3])
    with pytest.raises(
        UnreadableImageError, match=f'x{suffix}: image: (is truncated|cannot be decoded|is not an)'
    ):
        decode_image(path)


def test_whole_jpeg_with_trailing_bytes_is_not_called_truncated():
    assert fault_of_image(encoded('.jpg') + b'\0' * 500) is None


def test_not_an_image():
    assert fault_of_image(b'<html>404</html>') == 'is not an image file, or its header is broken'
    assert fault_of_image(b'') == 'is empty'


def test_absent_image(tmp_path):
    with pytest.raises(UnreadableImageError, match=r'nothing.png: image: cannot be read'):
        decode_image(tmp_path / 'nothing.png')


def test_size_and_pixels_agree_on_exif_rotation(tmp_path):
    image = Image.fromarray(np.zeros((30, 40, 3), np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    stream = io.BytesIO()
    image.save(stream, 'jpeg', exif=exif)
    (tmp_path / 'x.jpg').write_bytes(stream.getvalue())
    assert image_size(stream.getvalue()) == (30, 40)
    assert decode_image(tmp_path / 'x.jpg').shape == (40, 30, 3)


def test_size_of_a_large_tiff_whose_header_is_at_its_end():
    pixels = np.random.default_rng(0).integers(0, 255, (700, 800, 3), np.uint8)
    content = cv2.imencode('.tif', pixels)[1].tobytes()
    assert len(content) > 1 << 20
    assert image_size(content) == (800, 700)


def test_missing_files(tmp_path):
    (tmp_path / 'a').mkdir()
    (tmp_path / 'a' / '1.png').touch()
    (tmp_path / '2.png').touch()
    os.symlink(tmp_path / 'gone.png', tmp_path / 'a' / 'dangling.png')
    (tmp_path / 'a' / 'folder.png').mkdir()
    names = ['a/1.png', '2.png', 'a/3.png', 'b/1.png', 'a/dangling.png', 'a/folder.png', '2.png/x.png']
    assert missing_files(tmp_path, names) == names[2:]


def test_mask_levels(tmp_path):
    levels = np.array([[0, 128, 255], [1, 2, 3]], np.uint8)
    for channels in (1, 3):
        path = tmp_path / f'{channels}.png'
        path.write_bytes(cv2.imencode('.png', np.dstack([levels] * channels).squeeze())[1].tobytes())
        mask = decode_mask(path, three_channels=True)
        assert mask.dtype == np.uint8 and np.array_equal(mask, levels)
    with pytest.raises(UnreadableImageError, match='has 3 channels, not 1'):
        decode_mask(path)
    with pytest.raises(UnreadableImageError, match='cannot be read'):
        decode_mask(tmp_path / 'none.png')


def test_mask_colours(tmp_path):
    path = tmp_path / 'mask.png'
    colours = np.array([[[250, 10, 1], [0, 0, 0]], [[0, 0, 255], [7, 8, 9]]], np.uint8)
    path.write_bytes(cv2.imencode('.png', colours[..., ::-1])[1].tobytes())
    assert np.array_equal(decode_colour_mask(path), colours)
    path.write_bytes(cv2.imencode('.png', colours[..., 0])[1].tobytes())
    assert np.array_equal(decode_colour_mask(path), np.dstack([colours[..., 0]] * 3))
    for pixels, reason in (
        (np.zeros((2, 2, 4), np.uint8), 'has 4 channels, not 3'),
        (np.zeros((2, 2, 3), np.uint16), 'has uint16 levels, not 8 bits'),
    ):
        path.write_bytes(cv2.imencode('.png', pixels)[1].tobytes())
        with pytest.raises(UnreadableImageError, match=reason):
            decode_colour_mask(path)


@pytest.mark.parametrize('side', [60000, 30000])
def test_few_bytes_that_claim_a_huge_image(tmp_path, side):
    Image.new('1', (1, 1)).save(tmp_path / 'a.png')
    content = bytearray((tmp_path / 'a.png').read_bytes())
    content[16:24] = struct.pack('>II', side, side)
    content[29:33] = struct.pack('>I', zlib.crc32(content[12:29]))
    (tmp_path / 'a.png').write_bytes(content)
    with pytest.raises(UnreadableImageError, match='image: is too large'):
        decode_image(tmp_path / 'a.png')
    with pytest.raises(ValueError, match='exceeds limit'):
        image_size(bytes(content))


def test_rotated_image_that_cannot_be_decoded():
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    Image.new('RGB', (8, 4)).save(buffer, 'PNG', exif=exif)
    content = buffer.getvalue()
    assert image_size(content) == (4, 8)
    place = content.index(b'IDAT')
    with pytest.raises(ValueError, match='cannot be decoded'):
        image_size(content[: place + 4] + b'\xff' * 8 + content[place + 12 :])
