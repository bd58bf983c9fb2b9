"""Windows of image files equal those of the decoded image, and large files are refused in one line."""

import struct
import zlib

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from unihema_mm.apis.decoding import decode_file
from unihema_mm.apis.header import file_size
from unihema_mm.apis.image_regions import ArrayRegions, SegmentRegions, open_regions
from unihema_mm.apis.tiled_inference import predict_tiled
from unihema_mm.structures.results import ImageResult
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


PAGES = {
    'a stack of focus levels': ([(40, 30)] * 4, dict(), 'has 4 planes'),
    'a thumbnail first': ([(8, 6), (40, 30)], dict(metadata=None), 'page 2 of 2 has 40 x 30 pixels, but the'),
    'a pyramid': ([(40, 30), (20, 15), (10, 8)], dict(metadata=None), None),
}


@pytest.mark.parametrize('compression', [None, 'zlib'])
@pytest.mark.parametrize('kind', PAGES)
def test_the_first_page_is_the_image_or_the_file_is_refused(tmp_path, kind, compression):
    sizes, options, reason = PAGES[kind]
    pages = [np.full((height, width, 3), 50 * k, np.uint8) for k, (width, height) in enumerate(sizes, 1)]
    with tifffile.TiffWriter(tmp_path / 'a.tif') as file:
        if reason is not None and 'planes' in reason:
            file.write(np.stack(pages), photometric='rgb', compression=compression)
        else:
            for page in pages:
                file.write(page, photometric='rgb', compression=compression, **options)
    for read in (decode_file, lambda path: open_regions(path).__enter__()):
        if reason is not None:
            with pytest.raises(InputError, match=reason) as caught:
                read(tmp_path / 'a.tif')
            assert str(tmp_path / 'a.tif') in str(caught.value) and '\n' not in str(caught.value)
        else:
            assert read(tmp_path / 'a.tif').warnings == ('page 1 of 3 was read',)
    if reason is None:
        assert decode_file(tmp_path / 'a.tif').pixels.shape == (30, 40, 3)
        with open_regions(tmp_path / 'a.tif') as regions:
            assert (regions.width, regions.height) == (40, 30)
            np.testing.assert_array_equal(regions.read(0, 0, 40, 30), pages[0])


def test_a_broken_tiff_is_told_in_one_line_wherever_it_is_broken(tmp_path):
    path, random = tmp_path / 'a.tif', np.random.default_rng(0)
    with tifffile.TiffWriter(path) as file:
        for width, height in ((40, 30), (20, 15)):
            page = np.zeros((height, width, 3), np.uint8)
            file.write(page, photometric='rgb', compression='zlib', metadata=None)
    whole, told = path.read_bytes(), 0

    def read_window():
        with open_regions(path) as regions:
            regions.read(0, 0, min(5, regions.width), min(5, regions.height))

    broken = [whole[:size] for size in range(0, len(whole), 9)]
    for _ in range(150):
        content = bytearray(whole)
        content[random.integers(len(content))] = random.integers(256)
        broken.append(bytes(content))
    for content in broken:
        path.write_bytes(content)
        for read in (lambda: decode_file(path), read_window):
            try:
                read()
            except InputError as error:
                told += 1
                assert str(path) in str(error)
    assert told > len(broken) / 4


def test_grey_with_alpha_is_read_alike(tmp_path, picture):
    pixels = np.dstack([picture[..., 0], picture[..., 1]])
    tifffile.imwrite(tmp_path / 'a.tif', pixels, photometric='minisblack', extrasamples=['unassalpha'],
                     planarconfig='contig')  # fmt: skip
    whole = decode_file(tmp_path / 'a.tif').pixels
    with open_regions(tmp_path / 'a.tif') as regions:
        np.testing.assert_array_equal(regions.read(0, 0, 97, 61), whole[..., ::-1])


@pytest.mark.parametrize('name', ['plain.tif', 'zlib.tif', 'a.png'])
@pytest.mark.parametrize('brightest', [4095, 65535])
def test_levels_of_16_bits(tmp_path, name, brightest):
    pixels = np.linspace(0, brightest, 60 * 80 * 3).astype(np.uint16).reshape(60, 80, 3)
    if name.endswith('png'):
        assert cv2.imwrite(str(tmp_path / name), pixels)
    else:
        compression = name.removesuffix('.tif') if 'zlib' in name else None
        tifffile.imwrite(tmp_path / name, pixels, photometric='rgb', compression=compression)

    def predict(tiles):
        return [ImageResult('a', None, *tile.shape[1::-1], ('det',), cells=()) for tile in tiles]

    def tiled():
        with open_regions(tmp_path / name) as regions:
            return predict_tiled(regions, predict, 32, 8)

    if brightest == 65535:
        assert '16 bits per channel were read as their upper 8' in tiled().warnings
        assert '16 bits' in decode_file(tmp_path / name).warnings[0]
        return
    for read in (tiled, lambda: decode_file(tmp_path / name)):
        with pytest.raises(InputError, match=r'16 bits per channel, but no level above 4(095|351) of 65535'):
            read()


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
