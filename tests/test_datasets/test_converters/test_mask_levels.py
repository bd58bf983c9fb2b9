import cv2
import numpy as np
import pytest

from unihema_mm.datasets.converters.mask_levels import MaskLevels
from unihema_mm.datasets.schema import DataError

COLOURS = {'nothing': [0, 0, 0], 'cytoplasm': [0, 200, 0], 'nucleus': [200, 0, 0]}


def write(path, rows, suffix='.png'):
    """Write a mask of RGB colours or grey levels."""
    pixels = np.array(rows, np.uint8)
    pixels = pixels[..., ::-1] if pixels.ndim == 3 else pixels
    path.with_suffix(suffix).write_bytes(cv2.imencode(suffix, pixels)[1].tobytes())
    return path.with_suffix(suffix).name


def test_colours_become_the_parts_that_have_them(tmp_path):
    name = write(tmp_path / 'mask', [[[0, 200, 0], [0, 0, 0]], [[200, 0, 0], [0, 200, 0]]])
    levels = MaskLevels(COLOURS)
    parts, note = levels.read(tmp_path, name)
    assert [[levels.names[number] for number in row] for row in parts] == [
        ['cytoplasm', 'nothing'],
        ['nucleus', 'cytoplasm'],
    ]
    assert note is None
    assert levels.indices(['nucleus', 'nothing'], 'targets', 'cell') == [2, 0]


def test_colours_that_are_not_listed_are_an_error_or_become_the_nearest(tmp_path):
    name = write(tmp_path / 'mask', [[[3, 190, 0], [3, 190, 0]], [[180, 9, 9], [100, 0, 0]]])
    message = r'has colours \(3, 190, 0\), \(100, 0, 0\), \(180, 9, 9\) that are not among \[\(0, 0, 0\), '
    with pytest.raises(DataError, match=f'mask.png: file: levels: {message}'):
        MaskLevels(COLOURS).read(tmp_path, name)
    parts, note = MaskLevels(COLOURS, quantise=True).read(tmp_path, name)
    assert parts.tolist() == [[1, 1], [2, 0]]
    assert (note.code, note.item) == ('quantised_mask', 'mask.png: 4 pixels of 3 other colours')


def test_a_mask_that_went_through_jpeg(tmp_path):
    colours = np.zeros((64, 64, 3), np.uint8)
    colours[16:48, 16:48] = (0, 200, 0)
    colours[24:40, 24:40] = (200, 0, 0)
    name = write(tmp_path / 'mask', colours, '.jpg')
    parts, note = MaskLevels(COLOURS, quantise=True).read(tmp_path, name)
    wrong = parts != np.where(colours[..., 0], 2, np.where(colours[..., 1], 1, 0))
    # Chroma is stored at half the resolution: only pixels beside an edge may change sides.
    assert note and wrong.mean() < 0.05 and not wrong[26:38, 26:38].any() and not wrong[:14].any()


def test_grey_levels_in_any_order_and_of_two_the_lower(tmp_path):
    name = write(tmp_path / 'mask', [[0, 255], [128, 64]])
    levels = MaskLevels([255, 0, 128], quantise=True)
    parts, note = levels.read(tmp_path, name)
    assert levels.names == [0, 128, 255] and parts.tolist() == [[0, 2], [1, 0]]
    assert note.item == 'mask.png: 1 pixels of 1 other levels'


@pytest.mark.parametrize(
    'levels',
    [
        *([], {}, None, 'grey', [0, 256], [0, -1], [0, 0], [0, True], [0, 'a'], [0.5]),
        *({'a': [0, 0]}, {'a': 0}, {'a': [0, 0, 256]}, {'a': [1, 2, 3], 'b': [1, 2, 3]}),
    ],
)
def test_faulty_levels(levels):
    with pytest.raises(DataError, match=r'entry: parameters: levels: is .*; list the grey levels') as error:
        MaskLevels(levels)
    assert '\n' not in str(error.value)


def test_unknown_parts():
    for names in (['nuclei'], 'nucleus', [['nucleus']], None):
        with pytest.raises(DataError, match=r"instances: 'WBC' has .*nucleus.* list every level or colour"):
            MaskLevels(COLOURS).indices(names, 'instances', 'WBC')
