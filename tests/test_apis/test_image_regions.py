"""Windows of image files equal those of the decoded image, and large files are refused in one line."""

import struct
import zlib

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from unihema_mm.apis.header import file_size
from unihema_mm.apis.image_regions import ArrayRegions, SegmentRegions, open_regions
from unihema_mm.utils.errors import InputError

WINDOWS = [(0, 0, 97, 61), (10, 20, 11, 21), (30, 15, 90, 61), (63, 31, 65, 33), (0, 60, 97, 61)]


@pytest.fixture
def picture():
    return np.random.default_rng(0).integers(0, 256, (61, 97, 3), np.uint8)


def assert_windows(path, expected, kind):
    with open_regions(path) as regions:
        assert type(regions) is kind
        assert (regions.width, regions.height) == (97, 61)
        for x1, y1, x2, y2 in WINDOWS:
            window = regions.read(x1, y1, x2, y2)
            assert window.dtype == np.uint8 and window.flags['C_CONTIGUOUS']
            np.testing.assert_array_equal(window, expected[y1:y2, x1:x2])


TIFFS = {
    'uncompressed': (dict(), ArrayRegions),
    'big-endian': (dict(byteorder='>'), ArrayRegions),
    'bigtiff': (dict(bigtiff=True), ArrayRegions),
    'uncompressed tiles': (dict(tile=(32, 16)), SegmentRegions),
    'tiles': (dict(tile=(32, 16), compression='zlib'), SegmentRegions),
    'predicted tiles': (dict(tile=(16, 32), compression='zlib', predictor=2), SegmentRegions),
    'strips': (dict(rowsperstrip=7, compression='zlib'), SegmentRegions),
    'one strip': (dict(compression='lzma'), SegmentRegions),
}


@pytest.mark.parametrize('name', TIFFS)
@pytest.mark.parametrize('form', ['rgb', 'rgba', 'grey', 'rgb16'])
def test_tiff_by_windows(tmp_path, picture, name, form):
    options, kind = TIFFS[name]
    pixels, expected = {
        'rgb': (picture, picture),
        'rgba': (np.dstack([picture, picture[..., 0]]), picture),
        'grey': (picture[..., 0], np.repeat(picture[..., :1], 3, 2)),
        'rgb16': (picture.astype(np.uint16) * 256 + 77, picture),
    }[form]
    photometric = 'minisblack' if form == 'grey' else 'rgb'
    extra = dict(extrasamples=['unassalpha']) if form == 'rgba' else {}
    tifffile.imwrite(tmp_path / 'a.tif', pixels, photometric=photometric, **options, **extra)
    assert_windows(tmp_path / 'a.tif', expected, kind)


def test_tiff_of_other_kinds_is_decoded_whole(tmp_path, picture):
    Image.fromarray(picture).save(tmp_path / 'lzw.tif', compression='tiff_lzw')
    tifffile.imwrite(
        tmp_path / 'planes.tif', picture.transpose(2, 0, 1), photometric='rgb', planarconfig='separate'
    )
    for name in ('lzw.tif', 'planes.tif'):
        assert_windows(tmp_path / name, picture, ArrayRegions)


@pytest.mark.parametrize('suffix', ['png', 'bmp', 'webp'])
def test_other_formats(tmp_path, picture, suffix):
    Image.fromarray(picture).save(
        tmp_path / f'a.{suffix}', **(dict(lossless=True) if suffix == 'webp' else {})
    )
    assert_windows(tmp_path / f'a.{suffix}', picture, ArrayRegions)
    assert file_size(tmp_path / f'a.{suffix}') == (97, 61)


def test_rotated_jpeg_is_upright(tmp_path, picture):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(picture).save(tmp_path / 'a.jpg', exif=exif)
    with open_regions(tmp_path / 'a.jpg') as regions:
        assert (regions.width, regions.height) == (61, 97)
        expected = cv2.imread(str(tmp_path / 'a.jpg'))[..., ::-1]
        np.testing.assert_array_equal(regions.read(0, 0, 61, 97), expected)


def test_segments_are_kept_up_to_a_limit(tmp_path, monkeypatch):
    monkeypatch.setattr('unihema_mm.apis.image_regions._CACHE_BYTES', 3 * 16 * 16 * 3)
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    tifffile.imwrite(tmp_path / 'a.tif', picture, photometric='rgb', tile=(16, 16), compression='zlib')
    with open_regions(tmp_path / 'a.tif') as regions:
        np.testing.assert_array_equal(regions.read(0, 0, 64, 64), picture)
        assert len(regions._kept) == 3
        np.testing.assert_array_equal(regions.read(5, 5, 60, 60), picture[5:60, 5:60])


def test_several_planes_are_refused(tmp_path):
    tifffile.imwrite(tmp_path / 'a.tif', np.zeros((4, 32, 32), np.uint8), photometric='minisblack')
    with pytest.raises(InputError, match=r'a\.tif: image: has 4 planes'), open_regions(tmp_path / 'a.tif'):
        pass


def huge_png(path, width, height):
    """A header that claims a huge image, and no pixels."""
    header = b'IHDR' + struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)
    chunks = [header, b'IDAT' + zlib.compress(b''), b'IEND']
    body = b''.join(struct.pack('>I', len(c) - 4) + c + struct.pack('>I', zlib.crc32(c)) for c in chunks)
    path.write_bytes(b'\x89PNG\r\n\x1a\n' + body)


def test_more_pixels_than_allowed_are_refused_before_decoding(tmp_path):
    huge_png(tmp_path / 'a.png', 30_000, 30_000)
    limit = Image.MAX_IMAGE_PIXELS
    with pytest.raises(InputError, match='30000 x 30000 pixels are above the limit of 500') as caught:
        open_regions(tmp_path / 'a.png').__enter__()
    assert '\n' not in str(caught.value)
    assert limit == Image.MAX_IMAGE_PIXELS
    assert file_size(tmp_path / 'a.png') == (30_000, 30_000)
    huge_png(tmp_path / 'b.png', 100_000, 100_000)
    with pytest.raises(InputError, match='above the limit'):
        open_regions(tmp_path / 'b.png').__enter__()


def test_more_pixels_of_a_tiff(tmp_path):
    tifffile.imwrite(tmp_path / 'a.tif', np.zeros((50, 60, 3), np.uint8), photometric='rgb')
    with pytest.raises(InputError, match='60 x 50 pixels are above the limit of 0'):
        open_regions(tmp_path / 'a.tif', max_pixels=2999).__enter__()
    with open_regions(tmp_path / 'a.tif', max_pixels=3000) as regions:
        assert regions.width == 60


@pytest.mark.parametrize(
    'content', [b'', b'hello', b'II*\x00', b'\x89PNG\r\n\x1a\n', b'II*\x00\x08\x00\x00\x00']
)
@pytest.mark.parametrize('name', ['a.png', 'a.tif'])
def test_broken_files(tmp_path, content, name):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError) as caught:
        open_regions(tmp_path / name).__enter__()
    assert str(tmp_path / name) in str(caught.value) and '\n' not in str(caught.value)


def test_a_missing_file(tmp_path):
    with pytest.raises(InputError, match='cannot be read'):
        open_regions(tmp_path / 'a.tif').__enter__()


@pytest.mark.parametrize('options', [dict(), dict(tile=(16, 16), compression='zlib')])
def test_a_truncated_tiff_is_refused(tmp_path, options):
    noise = np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)
    tifffile.imwrite(tmp_path / 'a.tif', noise, photometric='rgb', **options)
    content = (tmp_path / 'a.tif').read_bytes()
    (tmp_path / 'a.tif').write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError), open_regions(tmp_path / 'a.tif') as regions:
        regions.read(0, 0, 256, 256)
