import csv
import json

import numpy as np
import pytest
import shapely.geometry
import tifffile
import yaml
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from unihema_mm.apis.writers import LabelWriter, OverlayWriter, draw_labels, make_writer, write_predictions
from unihema_mm.apis.writers.csv_tables import BORDER_PX, safe_text
from unihema_mm.structures.results import RESEARCH_USE, Answer, CellClass, FailedImage, ImageResult
from unihema_mm.utils.errors import InputError

from .parts import CLASSES, make_cell, make_result, read_json, results

PIXEL = dict(rel=0, abs=0.0006)
SCORE = dict(rel=0, abs=6e-7)
run_of_results = st.lists(results(), max_size=4, unique_by=lambda result: result.name)


@pytest.fixture(scope='module')
def fresh(tmp_path_factory):
    """Callable that writes results in one format into a new folder."""

    def write(items, format_name):
        folder = tmp_path_factory.mktemp(format_name)
        with make_writer(format_name, folder) as writer:
            for item in items:
                writer.write(item)
        return folder / format_name

    return write


def full_mask(cell, result):
    pixels = np.zeros((result.height, result.width), bool)
    height, width = cell.mask.pixels.shape
    pixels[cell.mask.y : cell.mask.y + height, cell.mask.x : cell.mask.x + width] = cell.mask.pixels
    return pixels


def table(path):
    with path.open(newline='', encoding='utf-8') as file:
        return list(csv.DictReader(file, strict=True))


@given(result=results())
def test_json_is_read_back(fresh, result):
    (path,) = fresh([result], 'json').rglob('*.json')
    content = read_json(path)
    assert content['use'] == RESEARCH_USE
    assert ImageResult.from_dict(content) == result


def test_json_of_a_failed_image(tmp_path):
    write_predictions([FailedImage('b.png', '/x/b.png', 'is empty')], tmp_path, ['json'])
    content = read_json(tmp_path / 'json/b.png.json')
    assert (content['name'], content['error'], content['use']) == ('b.png', 'is empty', RESEARCH_USE)


@given(items=run_of_results)
def test_coco_is_read_back_by_pycocotools(fresh, items):
    folder = fresh(items, 'coco')
    truth = COCO(str(folder / 'images.json'))
    assert [(image['file_name'], image['width'], image['height']) for image in truth.imgs.values()] == [
        (item.name, item.width, item.height) for item in items
    ]
    expected = [(item, cell) for item in items for cell in item.cells or ()]
    if not expected:
        assert read_json(folder / 'results.json') == []
        return
    loaded = truth.loadRes(str(folder / 'results.json'))
    assert len(loaded.anns) == len(expected)
    for (result, cell), found in zip(expected, loaded.anns.values(), strict=True):
        x1, y1, x2, y2 = cell.bbox
        assert truth.imgs[found['image_id']]['file_name'] == result.name
        assert truth.cats[found['category_id']]['name'] == cell.label
        assert found['bbox'] == pytest.approx([x1, y1, x2 - x1, y2 - y1], rel=0, abs=0.0011)
        assert found['score'] == pytest.approx(cell.score, **SCORE)
        assert found.get('attributes', {}) == cell.attributes
        if cell.mask is not None:
            assert np.array_equal(loaded.annToMask(found), full_mask(cell, result))
            assert coco_mask.area(found['segmentation']) == cell.mask.pixels.sum()


def test_coco_lists_failures_and_categories(tmp_path):
    items = [make_result('a'), FailedImage('b', None, 'is empty'), make_result('c', [make_cell()])]
    write_predictions(items, tmp_path, ['coco'])
    content = read_json(tmp_path / 'coco/images.json')
    assert content['info'] == {'description': RESEARCH_USE, 'failed': [{'name': 'b', 'error': 'is empty'}]}
    assert content['categories'] == [{'id': number, 'name': name} for number, name in enumerate(CLASSES, 1)]
    assert [(image['id'], image['file_name']) for image in content['images']] == [(1, 'a'), (2, 'c')]
    (found,) = read_json(tmp_path / 'coco/results.json')
    assert (found['image_id'], found['note']) == (2, RESEARCH_USE)


def read_yolo(path, width, height):
    lines = [list(map(float, line.split())) for line in path.read_text().splitlines()]
    return [
        (
            int(label),
            (cx - w / 2) * width,
            (cy - h / 2) * height,
            (cx + w / 2) * width,
            (cy + h / 2) * height,
            score,
        )
        for label, cx, cy, w, h, score in lines
    ]


@given(items=run_of_results)
def test_yolo_is_read_back(fresh, items):
    folder = fresh(items, 'yolo')
    data = yaml.safe_load((folder / 'data.yaml').read_text(encoding='utf-8'))
    detected = [item for item in items if item.cells is not None]
    assert data['names'] == (list(CLASSES) if detected else [])
    assert len(list((folder / 'labels').rglob('*.txt'))) == len(detected)
    lines = (folder / 'files.txt').read_text(encoding='utf-8').splitlines()[1:]
    assert len(lines) == len(detected)
    for line, result in zip(lines, detected, strict=True):
        found = read_yolo(folder / line.split('\t')[0], result.width, result.height)
        assert len(found) == len(result.cells)
        for (label, *box, score), cell in zip(found, result.cells, strict=True):
            assert data['names'][label] == cell.label
            assert box == pytest.approx(cell.bbox, **PIXEL)
            assert score == pytest.approx(cell.score, **SCORE)


def test_yolo_files_have_the_stems_of_their_images(tmp_path):
    names = ['d/a.png', 'd/a.jpg', 'd/a.b.png', 'd/a.jpg.png']
    write_predictions([make_result(name, [make_cell()]) for name in names], tmp_path, ['yolo'])
    lines = (tmp_path / 'yolo/files.txt').read_text().splitlines()
    assert lines[1:] == [
        'labels/d/a.txt\t"d/a.png"',
        'labels/d/a.jpg.txt\t"d/a.jpg"',
        'labels/d/a.b.txt\t"d/a.b.png"',
        'labels/d/a.jpg.png.txt\t"d/a.jpg.png"',
    ]


def test_yolo_list_of_files_has_one_line_per_image(tmp_path):
    names = ['a\x85.png', 'b\u2028\u2029.png', 'c\n.png', 'Körper.png']
    write_predictions([make_result(name, []) for name in names], tmp_path, ['yolo'])
    lines = (tmp_path / 'yolo/files.txt').read_text(encoding='utf-8').splitlines()[1:]
    assert [json.loads(line.split('\t')[1]) for line in lines] == names
    assert 'Körper' in lines[-1]


def test_yolo_tells_nothing_found_from_not_asked(tmp_path):
    items = [make_result('none.png', []), make_result('not_asked.png', None)]
    write_predictions(items, tmp_path, ['yolo'])
    assert [path.name for path in (tmp_path / 'yolo/labels').iterdir()] == ['none.txt']
    assert (tmp_path / 'yolo/labels/none.txt').read_bytes() == b''


def unsafe(text):
    return text[1:] if text.startswith("'") else text


@given(items=run_of_results)
def test_csv_is_read_back(fresh, items):
    folder = fresh(items, 'csv')
    images, cells = table(folder / 'images.csv'), table(folder / 'cells.csv')
    assert {row['note'] for row in images + cells} <= {RESEARCH_USE}
    assert [unsafe(row['image']) for row in images] == [unsafe(safe_text(item.name)) for item in items]
    for row, item in zip(images, items, strict=True):
        assert (int(row['width']), int(row['height']), row['error']) == (item.width, item.height, '')
        assert row['cells'] == ('' if item.cells is None else str(len(item.cells)))
        assert row['foreground_area'] == ('' if item.mask is None else str(item.mask.sum()))
    expected = [(item, number, cell) for item in items for number, cell in enumerate(item.cells or (), 1)]
    assert len(cells) == len(expected)
    for row, (item, number, cell) in zip(cells, expected, strict=True):
        assert (row['image'], row['cell'], row['class']) == (safe_text(item.name), str(number), cell.label)
        assert [float(row[key]) for key in ('x1', 'y1', 'x2', 'y2')] == pytest.approx(cell.bbox, **PIXEL)
        assert float(row['score']) == pytest.approx(cell.score, **SCORE)
        assert row['mask_area'] == ('' if cell.mask is None else str(cell.mask.pixels.sum()))
        for name, value in cell.attributes.items():
            assert row[safe_text(f'attribute:{name}')] == safe_text(value)
            assert float(row[safe_text(f'attribute_score:{name}')]) == pytest.approx(
                cell.attribute_scores[name], **SCORE
            )


@pytest.mark.parametrize(
    'box, touches',
    [
        ((2.001, 2.001, 37.999, 27.999), False),
        ((2.0, 5.0, 9.0, 9.0), True),
        ((5.0, 1.0, 9.0, 9.0), True),
        ((5.0, 5.0, 38.0, 9.0), True),
        ((5.0, 5.0, 9.0, 30.0), True),
    ],
)
def test_csv_border_rule(tmp_path, box, touches):
    assert BORDER_PX == 2
    write_predictions([make_result(cells=[make_cell(box)])], tmp_path, ['csv'])
    (row,) = table(tmp_path / 'csv/cells.csv')
    assert row['touches_border'] == ('true' if touches else 'false')


@pytest.mark.parametrize(
    'text, safe',
    [
        ('neutrophil', 'neutrophil'),
        ('=1+1', "'=1+1"),
        ('+49', "'+49"),
        ('-1', "'-1"),
        ('@SUM(A1)', "'@SUM(A1)"),
        (' =1', "' =1"),
        ('\t=1', "'\t=1"),
        ('\r=1', "'\r=1"),
        ('＝1', "'＝1"),  # noqa: RUF001
        ("'quoted'", "''quoted'"),
        ('a\x00b', 'a\\x00b'),
        ('a=b', 'a=b'),
        ('', ''),
    ],
)
def test_formulas_are_neutralised(text, safe):
    assert safe_text(text) == safe


@given(st.text())
def test_no_cell_of_a_spreadsheet_begins_like_a_formula(text):
    safe = safe_text(text)
    assert not safe.lstrip().startswith(('=', '+', '-', '@'))
    assert '\x00' not in safe


def test_csv_keeps_answers_classes_and_failures(tmp_path):
    result = make_result(
        '=a.png',
        None,
        tasks=('cls', 'vqa'),
        answers=(Answer('Which?', '=HYPERLINK("x";"y")'), Answer('Which?', 'a,\n"b"')),
        cell_class=CellClass('WBC', 1, 0.75, {'WBC': 0.75}, {'size': '-big'}),
        warnings=('one', 'two'),
    )
    write_predictions([result, FailedImage('b', None, '@broken')], tmp_path, ['csv'])
    one, two = table(tmp_path / 'csv/images.csv')
    assert (one['image'], one['cells'], one['class'], one['class_score']) == ("'=a.png", '', 'WBC', '0.75')
    assert one['answer:Which?'] == '\'=HYPERLINK("x";"y")'
    assert one['answer (2):Which?'] == 'a,\n"b"'
    assert (one['attribute:size'], one['warnings']) == ("'-big", 'one | two')
    assert (two['image'], two['error'], two['width']) == ('b', "'@broken", '')
    assert table(tmp_path / 'csv/cells.csv') == []


@given(result=results())
def test_geojson_is_read_back_by_shapely(fresh, result):
    paths = list(fresh([result], 'geojson').rglob('*.geojson'))
    if result.cells is None:
        assert not paths
        return
    content = read_json(paths[0])
    assert (content['type'], content['note'], content['image']) == (
        'FeatureCollection',
        RESEARCH_USE,
        result.name,
    )
    assert len({feature['id'] for feature in content['features']}) == len(result.cells)
    for number, (feature, cell) in enumerate(zip(content['features'], result.cells, strict=True), 1):
        shape = shapely.geometry.shape(feature['geometry'])
        properties = feature['properties']
        assert shape.is_valid
        if cell.mask is not None and cell.mask.pixels.any():
            rows, columns = np.nonzero(cell.mask.pixels)
            assert shape.area == cell.mask.pixels.sum() == properties['measurements']['Mask area px^2']
            assert shape.bounds == (
                cell.mask.x + columns.min(),
                cell.mask.y + rows.min(),
                cell.mask.x + columns.max() + 1,
                cell.mask.y + rows.max() + 1,
            )
        else:
            assert shape.bounds == pytest.approx(cell.bbox, **PIXEL)
        assert (properties['objectType'], properties['name']) == ('detection', str(number))
        assert properties['classification']['name'] == cell.label
        assert properties['measurements']['Score'] == pytest.approx(cell.score, **SCORE)
        assert properties.get('metadata', {}) == cell.attributes
        assert all(isinstance(value, int | float) for value in properties['measurements'].values())


@given(result=results())
def test_labels_are_read_back_by_tifffile(fresh, result):
    folder = fresh([result], 'labels')
    if result.cells is not None:
        (path,) = (folder / 'cells').rglob('*.tif')
        with tifffile.TiffFile(path) as file:
            assert file.pages[0].description == RESEARCH_USE
            found = file.asarray()
        assert found.dtype == np.uint16
        expected = np.zeros((result.height, result.width), int)
        for row, column in np.ndindex(*expected.shape):
            claims = [
                (cell.score, -number)
                for number, cell in enumerate(result.cells, 1)
                if cell.mask is not None and full_mask(cell, result)[row, column]
            ]
            expected[row, column] = -max(claims)[1] if claims else 0
        assert np.array_equal(found, expected)
        (picture,) = (folder / 'cells').rglob('*.png')
        with Image.open(picture) as image:
            assert image.text['Description'] == RESEARCH_USE
            assert np.array_equal(np.asarray(image), expected)
    if result.mask is not None:
        (picture,) = (folder / 'foreground').rglob('*.png')
        assert np.array_equal(np.asarray(Image.open(picture)), result.mask * 255)


def test_labels_without_masks_are_refused_in_one_line(tmp_path):
    with LabelWriter(tmp_path) as writer:
        with pytest.raises(InputError, match=r'labels: a\.png: tasks: det give no masks; ask for inst'):
            writer.write(make_result(cells=[make_cell()]))
        writer.write(make_result('none.png', [], tasks=('det', 'inst')))
    assert not tifffile.imread(tmp_path / 'labels/cells/none.png.tif').any()


def test_labels_of_more_cells_than_16_bits_hold(tmp_path):
    pixels = np.ones((1, 1), bool)
    cells = [make_cell(pixels=pixels, x=number % 300, y=number // 300) for number in range(65536)]
    result = make_result(cells=cells, width=300, height=219, tasks=('det', 'inst'))
    with LabelWriter(tmp_path) as writer:
        writer.write(result)
    found = tifffile.imread(tmp_path / 'labels/cells/a.png.tif')
    assert found.dtype == np.uint32
    assert np.array_equal(found.ravel()[:65536], np.arange(1, 65537))
    assert not list(tmp_path.rglob('*.png'))
    assert draw_labels(make_result(cells=cells[:65535], width=300, height=219)).dtype == np.uint16


def test_overlay_draws_on_the_image_of_the_result(tmp_path):
    picture = np.random.default_rng(0).integers(0, 255, (30, 40, 3), np.uint8)
    path = tmp_path / 'a.png'
    Image.fromarray(picture).save(path)
    result = ImageResult('d/a.png', str(path), 40, 30, ('det',), classes=CLASSES, cells=())

    with OverlayWriter(tmp_path / 'out', draw=lambda image, result: 255 - image) as writer:
        writer.write(result)
    with Image.open(tmp_path / 'out/overlay/d/a.png.png') as drawn:
        assert drawn.text['Description'] == RESEARCH_USE
        assert np.array_equal(np.asarray(drawn), 255 - picture)
    write_predictions([result], tmp_path / 'run', ['overlay'])
    with Image.open(tmp_path / 'run/overlay/d/a.png.png') as drawn:
        assert drawn.mode == 'RGB' and drawn.height >= 30


def test_overlay_of_a_mosaic_that_pillow_alone_refuses(tmp_path, monkeypatch):
    picture = np.random.default_rng(0).integers(0, 255, (30, 40, 3), np.uint8)
    result = ImageResult('a.png', str(tmp_path / 'a.png'), 40, 30, ('det',), classes=CLASSES, cells=())
    Image.fromarray(picture).save(result.path)
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 500)
    with OverlayWriter(tmp_path / 'out', draw=lambda image, result: image) as writer:
        writer.write(result)
    monkeypatch.undo()
    with Image.open(tmp_path / 'out/overlay/a.png.png') as drawn:
        assert np.array_equal(np.asarray(drawn), picture)


def test_overlay_of_an_image_without_file_is_refused(tmp_path):
    with OverlayWriter(tmp_path) as writer, pytest.raises(InputError, match='given as bytes or array'):
        writer.write(make_result())
