import json
from collections import Counter

import pytest

from unihema_mm.datasets.catalogue import load_entry, read_entry
from unihema_mm.datasets.converters import convert, own_entry
from unihema_mm.datasets.schema import DataError
from unihema_mm.datasets.validation import check_path

ENTRY = """
name: toy
tasks: [det]
prompt: complete blood count
classes: {WBC: WBC, RBC: RBC}
converter: box_csv
parameters: {splits: {train: boxes.csv}, images: pictures%s}
"""
BOXES = [('a.jpg', 'WBC', 2, 3, 12, 23), ('b.jpg', 'RBC', 10, 5, 20, 25), ('a.jpg', 'RBC', 20, 15, 40, 30)]
EXPECTED = {
    ('a.jpg', 'WBC'): [2, 3, 10, 20],
    ('b.jpg', 'RBC'): [10, 5, 10, 20],
    ('a.jpg', 'RBC'): [20, 15, 20, 15],
}


def size(x1, y1, x2, y2):
    return x1, y1, x2 - x1, y2 - y1


def centre(x1, y1, x2, y2):
    return (x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1


def fractions(x, y, a, b):
    return x / 40, y / 30, a / 40, b / 30


def small(*box):
    return fractions(*centre(*box))


@pytest.fixture
def source(tmp_path, tools):
    """Callable csv text -> source folder with two images of 40x30 pixels."""

    def make(text, file='boxes.csv'):
        root = tmp_path / 'source'
        for name in 'ab':
            tools.image(root / 'pictures' / f'{name}.jpg')
        tools.text(root / file, text)
        return root

    return make


def rows(headings, *order, make=lambda *box: box, sep=','):
    lines = [headings] if headings else []
    for name, label, *box in BOXES:
        values = (name, label, *make(*box))
        lines.append(sep.join(str(values[place]) for place in order or range(6)))
    return '\n'.join(lines) + '\n'


def run(source, parameters='', out='out'):
    out = source.parent / out
    return convert(read_entry(ENTRY % parameters, 'toy.yaml'), source, out), out


def boxes(out, split='train'):
    document = json.loads((out / 'annotations' / f'{split}.json').read_text())
    names = {image['id']: image['file_name'].removeprefix('images/') for image in document['images']}
    labels = {item['id']: item['name'] for item in document['categories']}
    return {
        (names[item['image_id']], labels[item['category_id']]): item['bbox']
        for item in document['annotations']
    }


NUMBERS = 'columns: {file: 1, class: 2, xmin: 3, ymin: 4, xmax: 5, ymax: 6}'
LETTERS = 'columns: {file: p, class: q, xmin: r, ymin: s, xmax: t, ymax: u}'
OTHER = 'columns: {file: 5, class: 6, xmin: 2, ymin: 4, xmax: 1, ymax: 3}'


@pytest.mark.parametrize(
    ('text', 'parameters'),
    [
        (rows('filename,class,xmin,ymin,xmax,ymax'), ''),
        (rows('filename,cell_type,xmin,xmax,ymin,ymax', 0, 1, 2, 4, 3, 5), ''),
        (rows('ymax,xmax,label,Image,ymin,xmin', 5, 4, 1, 0, 3, 2), ''),
        (rows('p;q;r;s;t;u', sep=';'), f", delimiter: ';', {LETTERS}"),
        (rows(''), f', header: false, {NUMBERS}'),
        (rows('', 4, 2, 5, 3, 0, 1), f', header: false, {OTHER}'),
        (rows('x,y,x,y,x,y'), f', {NUMBERS}'),
        (rows('file,class,x,y,width,height', make=size), ', box: size'),
        (rows('file,class,height,width,y,x', 0, 1, 5, 4, 3, 2, make=size), ', box: size'),
        (rows('file,class,cx,cy,w,h', make=centre), ', box: centre'),
        (rows('file,class,X Center,Y Center,w,h', make=small), ', box: centre, normalised: true'),
        (rows('file,class,x1,y1,x2,y2', make=fractions), ', normalised: true'),
        (rows('file,class,x1,y1,x2,y2').replace('.jpg', ''), ''),
    ],
)
def test_orders_and_meanings_of_the_columns(source, text, parameters):
    report, out = run(source(text), parameters)
    assert boxes(out) == EXPECTED
    assert report.changes == {} and check_path(out, decode=True).faults == []


CORNERS = 'file,class,xmin,ymin,xmax,ymax'


@pytest.mark.parametrize(
    ('headings', 'parameters', 'message'),
    [
        ('file,class,xmin,ymin,xmax,yend', '', 'csv: line 1: columns: no column is ymax; it has file, class'),
        ('file,image,xmin,ymin,xmax,ymax', '', 'columns: file could be file, image; name it in columns'),
        ('file,class,xmin,left,xmax,ymax', '', 'columns: xmin could be xmin, left'),
        ('file,class,x,y,width,height', '', 'no column is xmin; .*, and check that box is what they are'),
        (CORNERS, ', columns: {class: kind}', r"column 'kind' is missing \(nearest: ymin"),
        ('file,class,x,ymin,x,ymax', ', columns: {xmin: x}', "column 'x' stands there 2 times"),
        (CORNERS, ', columns: {xmin: xmax}', 'columns: xmin and xmax are both column 5'),
        (CORNERS, ', columns: {width: 3}', "'width' is not a column of box: corners; use file"),
        (CORNERS, ', columns: {class: 7}', 'column 7 is not there, it has 6; count from 1'),
        (CORNERS, ', columns: {class: 1.5}', 'columns: column 1.5 is neither a heading nor a number'),
        (CORNERS, ', columns: {class: false}', 'columns: column False is neither a heading nor a number'),
        (CORNERS, ', columns: [file]', r"parameters: columns: is \['file'\]; write file: HEADING"),
        (CORNERS, ', columns: {class: 0}', 'column 0 is not there'),
        ('', ', header: false', 'no column is file; it has no headings, 6 columns'),
        ('', ', header: false, columns: {file: a}', "columns: column 'a' is a name, and the table has no"),
        (CORNERS, ', box: corner', r"parameters.box: is 'corner'; use one of corners, size"),
        (CORNERS, ', delimiter: ab', "parameters: delimiter: is 'ab'; write one character"),
        (CORNERS, ', normalised: true', r'boxes.csv: file: box: 40 is not normalised'),
    ],
)
def test_missing_and_ambiguous_columns(source, headings, parameters, message):
    with pytest.raises(DataError, match=message) as error:
        run(source(rows(headings)), parameters)
    assert '\n' not in str(error.value)


@pytest.mark.parametrize(
    ('line', 'message'),
    [
        ('a.jpg,WBC,2,3,12', 'line 3: values: has 5 values for 6 columns'),
        ('a.jpg,WBC,2,3,12,x', "boxes.csv: line 3: ymax: is 'x'; must be a finite number"),
        ('a.jpg,WBC,2,3,12,inf', "line 3: ymax: is 'inf'"),
        ('a.jpg,WBC,2,3,12,', 'line 3: ymax: is empty; fill it in, or leave class and box empty'),
        ('a.jpg,,2,3,12,13', 'line 3: class: is empty'),
        ('a.jpg,WBC,12,3,2,13', 'line 3: box: .* ends before it begins; correct the line, or the columns'),
        (
            '../a.jpg,WBC,2,3,12,13',
            'line 3: file: .* leaves the data root; write a path below the image folder',
        ),
        ('/a.jpg,WBC,2,3,12,13', 'line 3: file: .* is absolute'),
        (',WBC,2,3,12,13', "line 3: file: is ''"),
        ('c.jpg,WBC,2,3,12,13', 'boxes.csv: c.jpg: file: image: its image does not exist'),
        ('a.jpg,Wbc,2,3,12,13', r"boxes.csv: line 3: class: 'Wbc' is not a known class \(nearest: WBC"),
    ],
)
def test_bad_line(source, line, message):
    text = f'file,class,xmin,ymin,xmax,ymax\nb.jpg,RBC,2,3,12,13\n{line}\n'
    with pytest.raises(DataError, match=message):
        run(source(text))
    assert not (source(text).parent / 'out' / 'annotations').exists()


def test_negative_size_and_fractions_taken_for_pixels(source):
    text = 'file,class,x,y,w,h\na.jpg,WBC,2,3,-4,5\n'
    with pytest.raises(DataError, match='has a negative size'):
        run(source(text), ', box: size')
    text = rows('file,class,x1,y1,x2,y2', make=fractions)
    with pytest.raises(DataError, match='no number is above 1, so they are no pixels; set normalised: true'):
        run(source(text))


def test_image_without_objects_blank_lines_and_boxes_at_the_border(source):
    text = 'file,class,x1,y1,x2,y2\na.jpg,,,,,\n\n,,,,,\nb.jpg,WBC,30,20,50,40\nb.jpg,WBC,5,5,5,9\n'
    report, out = run(source(text))
    assert report.splits['train']['images'] == 2 and report.splits['train']['images_without_objects'] == 1
    assert boxes(out) == {('b.jpg', 'WBC'): [30, 20, 10, 10]}
    assert report.changes == {
        'clipped_box': ['pictures/b.jpg: boxes.csv: line 5: WBC [30, 20, 50, 40]'],
        'empty_box': ['pictures/b.jpg: boxes.csv: line 6: WBC [5, 5, 5, 9]'],
    }


def test_images_without_line_and_lines_without_image(source):
    text = 'file,class,x1,y1,x2,y2\na.jpg,WBC,2,3,12,23\nc.jpg,WBC,2,3,12,23\nc.jpg,RBC,2,3,12,23\n'
    with pytest.raises(DataError, match=r'pictures/b.jpg: file: label: its label file does not exist'):
        run(source(text), ', unpaired: skip')
    for policy, code, number in (('skip', '', 1), ('background', '_kept', 2)):
        report, _ = run(source(text), f', unpaired: skip, unlabelled: {policy}', policy)
        assert report.changes == {
            'label_without_image': ['boxes.csv: c.jpg'],
            f'image_without_label{code}': ['pictures/b.jpg'],
        }
        assert report.total('images') == number


def test_a_table_per_split_and_several(source, tools):
    text = rows('file,class,x1,y1,x2,y2').splitlines()
    root = source('\n'.join(text[:2]))
    tools.text(root / 'more.csv', '\n'.join([text[0], text[3]]))
    tools.text(root / 'test.csv', '\n'.join([text[0], text[2]]))
    splits = ENTRY.replace('boxes.csv', '[boxes.csv, more.csv], test: test.csv')
    convert(read_entry(splits % '', 'toy.yaml'), root, root.parent / 'out')
    assert len(boxes(root.parent / 'out')) == 2 and len(boxes(root.parent / 'out', 'test')) == 1
    tools.text(root / 'test.csv', '\n'.join([text[0], text[1]]))
    with pytest.raises(DataError, match=r'pictures/a.jpg: file: split: is in train and in test'):
        convert(read_entry(splits % ', unlabelled: skip', 'toy.yaml'), root, root.parent / 'other')


def test_own_table(source, tmp_path):
    root = source(rows('file,class,x1,y1,x2,y2'))
    layout = {'splits': {'train': 'boxes.csv'}, 'images': 'pictures'}
    with pytest.raises(
        DataError, match='box_csv files have no class list; pass --classes; these use RBC, WBC'
    ):
        own_entry('box_csv', root, 'mine', layout)
    entry = own_entry('box_csv', root, 'mine', layout, classes={'RBC': 'RBC', 'WBC': 'WBC'})
    assert convert(entry, root, tmp_path / 'mine').total('objects') == 3


def test_table_of_bccd_has_the_boxes_of_its_xml_files(sample, tmp_path):
    source = sample('bccd')
    classes = load_entry('bccd').classes
    layout = {'images': 'BCCD/JPEGImages', 'splits': {'train': 'test.csv'}}
    entry = own_entry('box_csv', source, 'bccd_csv', layout, classes=classes)
    report = convert(entry, source, tmp_path / 'csv', images='symlink')
    assert report.total('images') == 364 and report.total('objects') == 4886
    assert {code: len(items) for code, items in report.changes.items()} == {'empty_box': 2}
    layout = {'annotations': 'BCCD/Annotations', 'images': 'BCCD/JPEGImages', 'splits': {'train': '*'}}
    convert(
        own_entry('voc', source, 'bccd', layout, classes=classes), source, tmp_path / 'xml', images='symlink'
    )
    assert _counted(tmp_path / 'csv') == _counted(tmp_path / 'xml')


def _counted(out):
    document = json.loads((out / 'annotations' / 'train.json').read_text())
    names = {image['id']: image['file_name'] for image in document['images']}
    return Counter(
        (names[item['image_id']], item['category_id'], tuple(item['bbox']))
        for item in document['annotations']
    )
