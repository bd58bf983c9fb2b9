"""Pictures of results."""

from dataclasses import replace

import numpy as np
import pytest

from unihema_mm.structures.results import Answer, Cell, CellClass, CellMask, ImageResult, Sentence
from unihema_mm.visualization import class_colours, draw_overlay, draw_result
from unihema_mm.visualization.text import load_font, wrap

BACKGROUND = 200


def field(width=640, height=480):
    return np.full((height, width, 3), BACKGROUND, np.uint8)


def result(width=640, height=480, **fields):
    return ImageResult('field.png', None, width, height, ('det',), classes=('RBC', 'WBC'), **fields)


def cell(bbox, label='RBC', score=0.9, **fields):
    return Cell(tuple(map(float, bbox)), label, 0, score, **fields)


def grid(count, step=40, side=30, columns=15):
    places = [(number % columns * step + 5, number // columns * step + 5) for number in range(count)]
    return tuple(cell((x, y, x + side, y + side), score=1 - n / 1000) for n, (x, y) in enumerate(places))


def of_colour(picture, name):
    return (picture == np.array(class_colours([name])[name])).all(-1)


def test_a_box_has_the_colour_of_its_class_and_its_place():
    picture = draw_result(field(), result(cells=(cell((100, 50, 200, 150), 'WBC'),)))
    assert picture.dtype == np.uint8
    edge = of_colour(picture, 'WBC')
    assert edge[50, 100:200].all()
    assert edge[149, 100:200].all()
    assert edge[50:150, 199].all()
    assert (picture[60:140, 110:190] == BACKGROUND).all()  # nothing within the box


@pytest.mark.parametrize('shape', [(30, 30), (1, 1), (7, 300), (480, 640), (4000, 6000)])
def test_images_of_any_size(shape):
    height, width = shape
    cells = (cell((0, 0, width, height)),)
    picture = draw_result(field(width, height), result(width, height, cells=cells))
    assert picture.shape[0] >= max(height, 1)
    assert picture.shape[1] > width
    assert of_colour(picture, 'RBC').any()


def test_a_small_image_is_enlarged_and_a_large_one_shrunk_on_demand():
    small = draw_result(field(30, 30), result(30, 30, cells=()), legend=False)
    assert small.shape[1] == 480
    large = draw_result(field(2000, 1000), result(2000, 1000, cells=()), legend=False, max_side=500)
    assert large.shape[1] == 500


@pytest.mark.parametrize('shape', [(480, 640), (480, 640, 1)])
def test_a_grey_image(shape):
    picture = draw_result(np.full(shape, 90, np.uint8), result(cells=grid(3)))
    assert (picture[470, 630] == 90).all()
    assert picture.shape[2] == 3


def test_the_image_itself_is_not_changed():
    image = field()
    draw_result(image, result(cells=grid(5)))
    assert (image == BACKGROUND).all()


def test_many_cells_have_no_names_and_thin_lines():
    picture = draw_overlay(field(), grid(165), names=True)
    crowded = of_colour(picture, 'RBC').sum()
    assert crowded == 165 * 4 * 29  # nothing but boxes one pixel wide
    assert of_colour(draw_overlay(field(), grid(2), names=True), 'RBC').sum() > 2 * 4 * 29


def test_lines_are_thin_beside_small_cells_of_a_large_image():
    cells = grid(200)
    picture = draw_overlay(field(4000, 3000), cells)
    assert of_colour(picture, 'RBC').sum() == 200 * 4 * 29


def test_names_cover_neither_boxes_nor_one_another():
    cells = (cell((100, 100, 220, 200), 'WBC'), cell((100, 40, 220, 99)), cell((100, 205, 220, 260)))
    plain, named = draw_overlay(field(), cells), draw_overlay(field(), cells, names=True)
    for name in ('WBC', 'RBC'):
        assert named[of_colour(plain, name)].tolist() == plain[of_colour(plain, name)].tolist()
    assert of_colour(named, 'WBC').sum() > of_colour(plain, 'WBC').sum()


def test_a_rare_class_is_named_in_a_crowd():
    crowd = grid(30, step=20, side=30)
    alone = (cell((100, 20, 130, 50), 'WBC'),)
    plain, named = draw_overlay(field(), crowd + alone), draw_overlay(field(), crowd + alone, names=True)
    assert of_colour(named, 'WBC').sum() > of_colour(plain, 'WBC').sum() + 100


def test_a_mask_is_faint_inside_with_a_full_outline_where_the_cell_is():
    pixels = np.zeros((40, 60), bool)
    pixels[5:35, 5:55] = True
    cells = (cell((100, 200, 160, 240), mask=CellMask(100, 200, pixels)),)
    picture = draw_overlay(field(), cells, boxes=False)
    assert of_colour(picture, 'RBC')[205, 105:155].all()
    inside, colour = picture[220, 130], np.array(class_colours(['RBC'])['RBC'])
    assert (inside != BACKGROUND).any()
    assert (abs(inside.astype(int) - BACKGROUND) < abs(inside.astype(int) - colour)).all()
    assert (picture[203, 103] == BACKGROUND).all()
    assert (draw_overlay(field(), cells, boxes=False, masks=False) == BACKGROUND).all()


@pytest.mark.parametrize('pixels', [np.zeros((4, 4), bool), np.ones((1, 1), bool), np.zeros((0, 0), bool)])
def test_masks_of_nothing_and_of_one_pixel_at_the_corner(pixels):
    cells = (cell((636, 476, 640, 480), mask=CellMask(639, 479, pixels)),)
    assert draw_result(field(), result(cells=cells)).shape[2] == 3


def test_a_semantic_mask_is_an_outline():
    mask = np.zeros((480, 640), np.uint8)
    mask[100:300, 100:300] = 1
    picture = draw_result(field(), result(mask=mask))
    assert (picture[100, 110:290] == 0).all()
    assert (picture[200, 200] == BACKGROUND).all()
    assert (draw_result(field(), result(mask=mask), foreground=False)[100, 110:290] == BACKGROUND).all()


def test_attributes_are_listed_up_to_a_number_of_cells():
    cells = tuple(replace(one, attributes={'cell_size': 'big', 'granularity': 'no'}) for one in grid(30))
    some, all_of_them = (draw_result(field(), result(cells=cells), max_rows=rows) for rows in (2, 30))
    assert all_of_them.shape[1] > some.shape[1]  # further columns
    without = draw_result(field(), result(cells=cells), attributes=False)
    assert without.shape[1] < some.shape[1]


def test_answers_sentences_and_warnings_stand_below():
    plain = draw_result(field(), result(cells=()))
    talk = result(
        cells=(),
        prompt='Malaria',
        answers=(Answer('Which cell is it?' * 40, '\u767d\u8840\u7403 \U0001f9ec\x00\ud800'), Answer('', '')),
        sentences=(Sentence('A <extra_id_0> cell.', 'A red cell.'),),
        warnings=('x' * 5000,),
    )
    long = draw_result(field(), talk)
    assert long.shape[0] > plain.shape[0] + 200
    assert long.shape[1] == plain.shape[1]
    assert draw_result(field(), talk, texts=False).shape == plain.shape


def test_a_single_cell_shows_its_class():
    found = CellClass('RBC', 0, 0.75, {'RBC': 0.75, 'WBC': 0.25}, {'cell_size': 'big'})
    single = result(70, 70, cell_class=found)
    picture = draw_result(field(70, 70), single)
    assert (picture[:, 490:] < 100).any()  # text beside the image
    assert picture.shape[1] > 490


def test_a_field_without_cells_says_so_and_one_that_was_not_asked_does_not():
    empty, not_asked = (draw_result(field(), result(cells=cells)) for cells in ((), None))
    assert empty.shape[1] > not_asked.shape[1] == 640


def test_an_image_of_another_size_is_an_error():
    with pytest.raises(
        ValueError, match=r'field.png: image is 30 x 20 pixels, but its result is for 640 x 480'
    ):
        draw_result(field(30, 20), result(cells=()))


def test_lines_are_no_wider_than_asked_and_lose_nothing():
    font = load_font(12)
    text = 'a few words and one_very_very_very_very_long_word_without_blanks and more'
    lines = wrap(text, font, 80)
    assert all(font.getlength(line) <= 80 for line in lines)
    assert ''.join(lines).replace(' ', '') == text.replace(' ', '')
    assert wrap('', font, 80) == ['']
    assert len(wrap('abc', font, 1)) == 3
