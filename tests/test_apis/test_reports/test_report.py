"""Files of a report: numbers, pictures of cells, failures, and what they must never hold."""

import base64
import csv
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from unihema_mm.apis.reports import ReportOptions, write_report
from unihema_mm.structures.results import RESEARCH_USE, FailedImage
from unihema_mm.utils.errors import InputError

FILES = {'report.html', 'report.csv', 'report.json', 'cells.csv'}


class Page(HTMLParser):
    """Text and pictures of a page; a tag that is not closed is an error."""

    VOID = {'meta', 'img', 'br', 'link'}

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.pictures, self.text = [], [], [], ''
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        source = dict(attributes).get('src', '')
        if tag == 'img':
            assert source.startswith('data:image/png;base64,')
            self.pictures.append(base64.b64decode(source.partition(',')[2]))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def rows(path):
    with path.open(newline='', encoding='utf-8') as file:
        return list(csv.DictReader(file))


def page(out):
    return Page((out / 'report.html').read_text(encoding='utf-8'))


def on_file(folder, name, cells, make, colour=(200, 30, 30)):
    """An image file, red where its cells are, and its prediction."""
    pixels = np.full((80, 300, 3), 230, np.uint8)
    for one in cells:
        x1, y1, x2, y2 = map(int, one.bbox)
        pixels[y1:y2, x1:x2] = colour
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return make.image(cells, name, size=(300, 80), path=str(path))


@pytest.fixture
def two_slides(make, tmp_path):
    """Predictions of two folders of images, and one that failed."""
    one = on_file(tmp_path, 'monday/a.png', [*make.row('RBC', 9), *make.row('neutrophil', 2, top=50)], make)
    two = on_file(tmp_path, 'monday/b.png', [*make.row('RBC', 3), *make.row('lymphocyte', 1, 0.2, 50)], make)
    other = on_file(tmp_path, 'tuesday/a.png', make.row('ring', 1), make)
    bad = FailedImage('tuesday/bad.png', str(tmp_path / 'tuesday/bad.png'), 'tuesday/bad.png: broken')
    return [one, two, bad, other]


def test_numbers_are_the_same_in_all_files(two_slides, tmp_path):
    out = tmp_path / 'report'
    assert write_report(iter(two_slides), out, ReportOptions(model='m')) == out / 'report.html'
    assert {path.name for path in out.iterdir()} == FILES
    document = json.loads((out / 'report.json').read_text())
    assert [slide['slide'] for slide in document['slides']] == ['monday', 'tuesday']
    table = rows(out / 'report.csv')
    for slide in document['slides']:
        told = {'': slide['quantities'], **slide['images']}
        for image, lines in told.items():
            found = [row for row in table if (row['slide'], row['image']) == (slide['slide'], image)]
            assert len(found) == len(lines) > 0
            for row, line in zip(found, lines, strict=True):
                assert (row['quantity'], row['class'], row['method']) == (
                    line['quantity'], line['class'], line['method']
                )  # fmt: skip
                for bound in ('value', 'low', 'high'):
                    assert row[bound] == ('' if line[bound] is None else f'{line[bound]:.10g}')
    monday = document['slides'][0]['quantities']
    counts = {line['class']: line for line in monday if line['quantity'] == 'count'}
    assert (counts['red cells']['value'], counts['neutrophil']['value']) == (12, 2)
    assert document['slides'][1]['failed'] == {'tuesday/bad.png': 'tuesday/bad.png: broken'}
    text = page(out).text
    assert 'Slide monday' in text and 'tuesday/bad.png: broken' in text and 'Wilson' in text


def test_every_cell_stands_once_in_the_table_with_what_became_of_it(two_slides, tmp_path):
    write_report(two_slides, tmp_path / 'report')
    cells = rows(tmp_path / 'report/cells.csv')
    assert sorted(int(row['number']) for row in cells) == list(range(1, 17))
    (unclear,) = [row for row in cells if row['class'] == 'lymphocyte']
    assert unclear['status'] == 'not identifiable: low score'
    assert '1 of 15 cells (7 %) are not identifiable, and in no number' in page(tmp_path / 'report').text
    assert {row['notice'] for row in cells} == {RESEARCH_USE}
    assert {row['notice'] for row in rows(tmp_path / 'report/report.csv')} == {RESEARCH_USE}


def test_gallery_shows_the_cells_themselves(two_slides, tmp_path):
    write_report(two_slides, tmp_path / 'report')
    shown = page(tmp_path / 'report')
    cells = [Image.open(io.BytesIO(one)) for one in shown.pictures]
    cells = [one.convert('RGB') for one in cells if one.size == (72, 72)]
    assert len(cells) == 16
    for one in cells:
        pixels = np.asarray(one).astype(int)
        assert abs(pixels[36, 36] - [200, 30, 30]).max() < 20
        assert abs(pixels[2, 2] - 230).max() < 20
    assert 'lymphocyte, not identifiable: low score: 1 of 1 shown' in re.sub(r'\s+', ' ', shown.text)


def test_gallery_is_limited_and_the_same_again(make, tmp_path):
    image = on_file(tmp_path, 's/a.png', make.row('RBC', 12), make)
    pictures = []
    for name, options in (
        ('few', ReportOptions(crops_per_class=5)), ('again', ReportOptions(crops_per_class=5)),
        ('at most', ReportOptions(max_crops=3)), ('none', ReportOptions(crops_per_class=0)),
    ):  # fmt: skip
        write_report([image], tmp_path / name, options)
        shown = page(tmp_path / name)
        pictures.append([one for one in shown.pictures if Image.open(io.BytesIO(one)).size == (72, 72)])
        assert f'{len(pictures[-1])} of 12 shown' in shown.text
    assert [len(one) for one in pictures] == [5, 5, 3, 0]
    assert pictures[0] == pictures[1]
    others = re.search(r'The others are numbers ([\d, -]+) of', page(tmp_path / 'few').text).group(1)
    spans = [list(map(int, span.split('-'))) for span in others.split(', ')]
    assert sum(span[-1] - span[0] + 1 for span in spans) == 7


def test_an_image_that_is_gone_has_numbers_and_no_pictures(make, tmp_path):
    image = make.image(make.row('RBC', 2), 'slide/gone.png', path=str(tmp_path / 'slide/gone.png'))
    write_report([image, make.image(make.row('RBC', 1), 'slide/bytes.png')], tmp_path / 'report',
                 ReportOptions(slide='all'))  # fmt: skip
    text = re.sub(r'\s+', ' ', page(tmp_path / 'report').text)
    assert 'No pictures of cells of 2 images' in text and 'gone.png: image: ' in text


@pytest.mark.parametrize('evil', ['<script>alert(1)</script>', '=cmd|calc', ' @SUM(A1)'])
def test_names_from_outside_are_text(evil, make, tmp_path):
    cells = [make.cell(evil, (10, 10, 30, 30))]
    image = make.image(cells, f'{evil}/a.png', classes=(evil,), warnings=(evil,))
    write_report([image], tmp_path / 'report', ReportOptions(title=evil))
    shown = page(tmp_path / 'report')
    assert 'script' not in shown.tags and evil in shown.text
    for name in ('report.csv', 'cells.csv'):
        fields = [value for row in rows(tmp_path / 'report' / name) for value in row.values()]
        assert not [value for value in fields if value.lstrip().startswith(('=', '@'))]
        assert any(evil in value for value in fields)


def test_each_file_is_for_research_use_and_needs_no_other(two_slides, tmp_path):
    write_report(two_slides, tmp_path / 'report')
    for name in FILES:
        content = (tmp_path / 'report' / name).read_text(encoding='utf-8')
        assert RESEARCH_USE in content
        assert not re.search(r'(src|href)="(https?:)?//', content)


def test_no_prediction_leaves_no_file(tmp_path):
    with pytest.raises(InputError, match='no image was given'):
        write_report([], tmp_path / 'report')
    assert not list((tmp_path / 'report').iterdir())
    (tmp_path / 'file').touch()
    with pytest.raises(InputError, match='is a file'):
        write_report([], tmp_path / 'file')


def test_an_error_on_the_way_keeps_the_earlier_report(two_slides, tmp_path):
    write_report(two_slides, tmp_path / 'report')
    before = {path.name: path.read_bytes() for path in (tmp_path / 'report').iterdir()}

    def broken():
        yield two_slides[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_report(broken(), tmp_path / 'report')
    assert {path.name: path.read_bytes() for path in (tmp_path / 'report').iterdir()} == before


def test_one_slide_of_all_and_images_without_cells(two_slides, make, tmp_path):
    nothing_asked = replace(make.image([], 'x.png'), cells=None)
    write_report([*two_slides, nothing_asked], tmp_path / 'report', ReportOptions(slide='all'))
    (slide,) = json.loads((tmp_path / 'report/report.json').read_text())['slides']
    assert slide['slide'] == 'all' and slide['without_cells'] == ['x.png']
    assert 'neither cells nor a class were asked for' in page(tmp_path / 'report').text


def test_cells_per_microlitre_of_a_slide_that_is_not_there(two_slides, tmp_path):
    with pytest.raises(
        InputError, match=r"wbc_per_ul: is 'Monday'; there is no such slide \(nearest: monday"
    ):
        write_report(two_slides, tmp_path / 'report', ReportOptions(wbc_per_ul={'Monday': 7200}))
    assert not (tmp_path / 'report').exists() or not list((tmp_path / 'report').iterdir())


def test_only_failures(tmp_path):
    write_report([FailedImage('s/a.png', None, 'broken')], tmp_path / 'report')
    assert 'No image of this slide could be counted' in page(tmp_path / 'report').text


def test_memory_does_not_grow_with_the_pictures(make, tmp_path):
    import tracemalloc

    image = on_file(tmp_path, 's/a.png', [*make.row('RBC', 14), *make.row('platelet', 14, top=50)], make)

    def peak(number, out):
        tracemalloc.start()
        write_report((replace(image, name=f's/{place}.png') for place in range(number)), out,
                     ReportOptions(max_figures=0))  # fmt: skip
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    peak(2, tmp_path / 'first')
    few, many = peak(20, tmp_path / 'few'), peak(120, tmp_path / 'many')
    assert many - few < 100 * 60_000, f'{(many - few) / 100:.0f} bytes per image'
