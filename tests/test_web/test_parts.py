"""Uploads, visitors, the model's thread, what is shown and its HTML."""

import threading
from dataclasses import replace

import cv2
import numpy as np
import pytest

from unihema_mm.apis.collect import LIMIT_REACHED
from unihema_mm.structures.results import Cell, CellMask, ImageResult
from unihema_mm.utils.errors import InputError
from unihema_mm.web import PageOptions, markup
from unihema_mm.web.samples import copy_samples, draw_samples
from unihema_mm.web.uploads import check_upload, keep_copy, safe_name
from unihema_mm.web.view import LAYERS, SHOWN_SIDE, above, cell_at, crop_cell, draw_view, shown_factor
from unihema_mm.web.visitors import CLOSED_AFTER, Visitors
from unihema_mm.web.worker import ModelWorker

LIMITS = PageOptions(max_file_mb=1, max_megapixels=1)


def result_of(cells, width=100, height=80) -> ImageResult:
    return ImageResult('a.png', None, width, height, ('det',), classes=('RBC', 'WBC'), cells=tuple(cells))


@pytest.mark.parametrize('suffix', ['.png', '.jpg', '.bmp', '.tif', '.webp'])
def test_takes_pictures(tmp_path, suffix):
    path = tmp_path / f'a{suffix}'
    cv2.imwrite(str(path), np.zeros((20, 30, 3), np.uint8))
    check_upload(path, path.name, LIMITS)


@pytest.mark.parametrize(
    ('content', 'reason'),
    [
        (b'', 'is empty'),
        (b'no picture at all', 'is not a picture'),
        (b'GIF89a' + bytes(50), 'is not a picture'),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', 'is not a picture'),
        (b'\x89PNG\r\n\x1a\n' + bytes(50), 'broken header'),
        (b'\xff\xd8\xff\xe0' + bytes(50), 'broken header'),
        (b'II*\x00' + b'\xff' * 50, 'broken header'),
        (b'\xff\xd8\xff' + bytes(1_000_001), 'this page takes 1 MB'),
    ],
)
def test_refuses_other_files_in_one_line(tmp_path, content, reason):
    path = tmp_path / 'a.png'
    path.write_bytes(content)
    with pytest.raises(InputError, match=reason) as error:
        check_upload(path, 'a.png', LIMITS)
    assert '\n' not in str(error.value) and str(error.value).startswith('a.png: ')


def test_refuses_a_missing_file(tmp_path):
    with pytest.raises(InputError, match='upload it again'):
        check_upload(tmp_path / 'gone.png', 'gone.png', LIMITS)


@pytest.mark.parametrize(('side', 'rotated'), [(30_000, False), (1001, False), (30_000, True)])
def test_refuses_pixel_bombs_by_their_header(tmp_path, conftest, monkeypatch, side, rotated):
    path = tmp_path / 'bomb.png'
    conftest.write_bomb(path, side, rotated)
    assert path.stat().st_size < 1e6
    monkeypatch.setattr(cv2, 'imdecode', lambda *_: pytest.fail('was decoded'))
    with pytest.raises(InputError, match='takes 1 megapixels'):
        check_upload(path, 'bomb.png', LIMITS)


@pytest.mark.parametrize(
    ('given', 'name'),
    [
        ('../../etc/passwd', 'passwd'),
        ('C:\\smears\\a.png', 'a.png'),
        ('a<script>.png', 'a_script_.png'),
        ('..', 'picture'),
        ('', 'picture'),
        ('a\nb.png', 'a_b.png'),
        ('Ausstrich Müller 3.png', 'Ausstrich Müller 3.png'),
    ],
)
def test_names_are_made_safe(given, name):
    assert safe_name(given) == name


def test_long_names_are_cut():
    assert len(safe_name('x' * 300 + '.png')) < 100


def test_copies_never_replace_each_other(tmp_path, picture_file):
    folder = tmp_path / 'kept'
    folder.mkdir()
    assert [keep_copy(picture_file, 'a.png', folder)[0] for _ in range(3)] == ['a.png', 'a_2.png', 'a_3.png']


def test_options_are_checked():
    with pytest.raises(InputError, match='max_queue'):
        PageOptions(max_queue=0)
    with pytest.raises(InputError, match='score'):
        PageOptions(score=0.01)
    with pytest.raises(InputError, match='login'):
        PageOptions(login=('user', ''))


def test_visitors_expire_and_make_room(tmp_path):
    now = [0.0]
    visitors = Visitors(tmp_path, most=2, seconds=100, clock=lambda: now[0])
    folders = [visitors.get('a').folder]
    now[0] = 10
    folders.append(visitors.get('b').folder)
    now[0] = 20
    assert visitors.get('a').folder == folders[0]
    visitors.get('c')
    assert not folders[1].exists() and folders[0].exists() and len(visitors) == 2
    now[0] = 121
    visitors.sweep()
    assert len(visitors) == 0 and not folders[0].exists()


def test_a_visitor_who_leaves_may_come_back_for_a_moment(tmp_path):
    now = [0.0]
    visitors = Visitors(tmp_path, most=2, seconds=1000, clock=lambda: now[0])
    folder = visitors.get('a').folder
    visitors.leave('a')
    visitors.leave('unknown')
    now[0] = CLOSED_AFTER - 1
    assert visitors.get('a').folder == folder
    visitors.leave('a')
    now[0] += CLOSED_AFTER + 1
    visitors.sweep()
    assert not folder.exists()


def test_a_picture_that_is_gone_is_told(tmp_path):
    with pytest.raises(InputError, match='run it again'):
        Visitors(tmp_path, 2, 10).get('a').picture('a.png')


def test_long_work_is_given_up_and_blocks_new_work_until_it_ends():
    worker, go_on = ModelWorker(), threading.Event()
    with pytest.raises(InputError, match='took longer than'):
        worker.run(go_on.wait, 0.01)
    with pytest.raises(InputError, match='still busy'):
        worker.run(lambda: 1, 1)
    assert worker.is_busy()
    go_on.set()
    worker._given_up.result(60)
    assert worker.run(lambda: 2, 60) == 2 and not worker.is_busy()
    worker.close()


def test_work_waits_for_work_that_is_waited_for():
    worker, go_on, done = ModelWorker(), threading.Event(), []
    first = threading.Thread(target=lambda: done.append(worker.run(go_on.wait, 20)))
    first.start()
    threading.Timer(0.05, go_on.set).start()
    assert worker.run(lambda: 'second', 20) == 'second'
    first.join(20)
    assert done == [True]
    worker.close()


def test_the_end_is_not_delayed_by_work():
    worker, go_on = ModelWorker(), threading.Event()
    threading.Timer(0.05, worker.close).start()
    with pytest.raises(InputError, match='being closed'):
        worker.run(lambda: go_on.wait(60), 60)
    assert worker.is_busy()
    with pytest.raises(InputError, match='being closed'):
        worker.run(lambda: 1, 60)
    go_on.set()
    worker.close()


def test_errors_of_the_work_come_out():
    worker = ModelWorker()
    with pytest.raises(TimeoutError, match='of the work itself'):
        worker.run(lambda: (_ for _ in ()).throw(TimeoutError('of the work itself')), 5)
    worker.close()


def test_threshold_keeps_cells_from_it_on():
    cells = [Cell((0, 0, 9, 9), 'RBC', 0, score) for score in (0.9, 0.5, 0.2)]
    shown = above(result_of(cells), 0.5)
    assert [cell.score for cell in shown.cells] == [0.9, 0.5] and shown.thresholds['score'] == 0.5
    assert above(ImageResult('a', None, 1, 1, ('seg',)), 0.5).cells is None


def test_a_limit_is_told_where_it_cut_what_is_shown():
    cells = [Cell((0, 0, 9, 9), 'RBC', 0, score) for score in (0.9, 0.5)]
    result = replace(result_of(cells), warnings=(f'2 cells at most, {LIMIT_REACHED}', 'other'))
    assert above(result, 0.5).warnings == result.warnings
    assert above(result, 0.6).warnings == ('other',)


def test_click_takes_the_smallest_cell_and_a_mask_first():
    large, small = Cell((0, 0, 50, 50), 'RBC', 0, 0.9), Cell((10, 10, 30, 30), 'WBC', 1, 0.8)
    assert cell_at([large, small], 15, 15) is small
    assert cell_at([large, small], 40, 40) is large
    assert cell_at([large, small], 60, 60) is None
    covered = Cell((0, 0, 50, 50), 'RBC', 0, 0.9, mask=CellMask(0, 0, np.ones((50, 50), bool)))
    hollow = Cell((10, 10, 30, 30), 'WBC', 1, 0.8, mask=CellMask(10, 10, np.zeros((20, 20), bool)))
    assert cell_at([covered, hollow], 15, 15) is covered


@pytest.mark.parametrize(('width', 'height'), [(1, 1), (100, 80), (641, 480), (4000, 300)])
def test_views_keep_the_size_that_clicks_are_told_in(width, height):
    cell = Cell((0, 0, width / 2, height / 2), 'RBC', 0, 0.9)
    result = result_of([cell], width, height)
    picture = draw_view(np.full((height, width, 3), 200, np.uint8), result, LAYERS, cell)
    factor = shown_factor(result)
    assert picture.shape == (max(1, round(height * factor)), max(1, round(width * factor)), 3)
    assert max(picture.shape) <= SHOWN_SIDE[1]


def test_layers_change_the_picture_and_none_leaves_it_as_it_was():
    pixels = np.full((700, 700, 3), 200, np.uint8)
    cell = Cell(
        (100, 100, 300, 300),
        'WBC',
        1,
        0.9,
        {'granularity': 'yes'},
        mask=CellMask(100, 100, np.ones((200, 200), bool)),
    )
    result = result_of([cell], 700, 700)
    assert (draw_view(pixels, result, ()) == pixels).all()
    for layer in ('Boxes', 'Outlines', 'Names', 'Attributes'):
        assert (draw_view(pixels, result, (layer,)) != pixels).any(), layer


@pytest.mark.parametrize('box', [(0, 0, 1, 1), (-3, -3, 5, 5), (95, 75, 100, 80), (50, 40, 50, 40)])
def test_crops_at_the_border(box):
    assert min(crop_cell(np.zeros((80, 100, 3), np.uint8), Cell(box, 'RBC', 0, 0.5)).shape[:2]) > 0


def test_no_text_is_taken_as_html():
    evil = '<img src=x onerror=alert(1)>'
    cell = Cell((0, 0, 9, 9), evil, 0, 0.9, {evil: evil}, {evil: 0.5})
    result = ImageResult(evil, None, 100, 80, ('det',), cells=(cell,), warnings=(evil,))
    pieces = [
        markup.legend(result),
        markup.cell_card(cell),
        markup.attribute_list([cell]),
        markup.progress({evil: ('failed', evil)}),
        markup.message(evil),
        markup.notes([evil]),
    ]
    for piece in pieces:
        assert '<img src=x' not in piece and '&lt;img' in piece


def test_legend_counts_what_is_shown():
    cells = [Cell((0, 0, 9, 9), 'RBC', 0, 0.9), Cell((0, 0, 9, 9), 'RBC', 0, 0.4)]
    assert '1 cell of score 0.50 or more' in markup.legend(above(result_of(cells), 0.5))
    assert 'No cell of score 0.95 or more' in markup.legend(above(result_of(cells), 0.95))


def test_samples_of_a_folder_are_copies(tmp_path, picture_file, conftest):
    (tmp_path / 'notes.txt').write_text('no picture')
    (tmp_path / 'empty.png').touch()
    conftest.write_bomb(tmp_path / 'bomb.png')
    folder = tmp_path / 'copies'
    folder.mkdir()
    assert [path.name for path in copy_samples(str(tmp_path), folder, LIMITS)] == ['smear.png']
    with pytest.raises(InputError, match='not a folder'):
        copy_samples(str(picture_file), folder, LIMITS)
    with pytest.raises(InputError, match='no picture'):
        (tmp_path / 'none').mkdir()
        copy_samples(str(tmp_path / 'none'), folder, LIMITS)


def test_drawn_samples_are_the_same_each_time(tmp_path):
    first, second = ([path.read_bytes() for path in draw_samples(tmp_path)] for _ in range(2))
    assert first == second and len(set(first)) == len(first)
