"""Sheets of errors."""

import cv2
import numpy as np
import pytest

from unihema_mm.evaluation.detection_errors import CellError
from unihema_mm.structures.results import RESEARCH_USE
from unihema_mm.utils.errors import InputError
from unihema_mm.visualization.error_gallery import write_gallery


@pytest.fixture
def path(tmp_path):
    file = tmp_path / 'field.png'
    cv2.imwrite(str(file), np.full((60, 80, 3), 180, np.uint8))
    return str(file)


def error(path, kind='confused', name='RBC', box=(10.0, 10.0, 30.0, 30.0), score=0.9):
    return CellError(kind, name, 'called WBC 90%', path, box, score)


def test_a_sheet_per_class_and_a_page_of_all(path, tmp_path):
    errors = [error(path), error(path, 'false negative', 'a/b <i>'), *[error(path, 'false positive')] * 30]
    counts = write_gallery(tmp_path / 'out', errors, 'Facts.', per_kind=3)
    assert counts['RBC'] == {'confused': 1, 'false positive': 30}
    page = (tmp_path / 'out/index.html').read_text()
    assert RESEARCH_USE in page
    assert '<i>' not in page
    assert '>30<' in page
    files = {file.name for file in (tmp_path / 'out').glob('*.png')}
    assert files == {'RBC.png', 'a_b_i_.png'}
    assert all(f'src="{name}"' in page for name in files)


def test_boxes_at_the_corner_and_of_a_point(path, tmp_path):
    boxes = (
        (-5.0, -5.0, 3.0, 3.0),
        (79.0, 59.0, 80.0, 60.0),
        (40.0, 40.0, 40.0, 40.0),
        (0.0, 0.0, 80.0, 60.0),
    )
    write_gallery(tmp_path, [error(path, box=box) for box in boxes], 'Facts.')
    assert cv2.imread(str(tmp_path / 'RBC.png')).shape[1] >= 4 * 140


def test_no_errors(tmp_path):
    assert write_gallery(tmp_path, [], 'Facts.') == {}
    assert 'no errors' in (tmp_path / 'index.html').read_text()


def test_an_image_that_is_gone(tmp_path):
    with pytest.raises(InputError, match=r'gone\.png'):
        write_gallery(tmp_path, [error(str(tmp_path / 'gone.png'))], 'Facts.')


def test_classes_whose_files_would_have_one_name(path, tmp_path):
    write_gallery(tmp_path, [error(path, name='a b'), error(path, name='A_b')], 'Facts.')
    assert len(list(tmp_path.glob('[aA]_b*.png'))) == 2
