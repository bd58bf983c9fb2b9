import errno
import hashlib
import json
import os
import shutil

import pytest

from unihema_mm.datasets.catalogue import load_entry, read_entry
from unihema_mm.datasets.converters import convert, own_entry
from unihema_mm.datasets.converters.item import Outcome
from unihema_mm.datasets.converters.outcomes import PackedOutcomes, pack_outcome
from unihema_mm.datasets.schema import DataError
from unihema_mm.datasets.validation import check_path
from unihema_mm.utils.errors import InputError
from unihema_mm.utils.folder_lock import folder_lock

COUNTS = ('images', 'images_without_objects', 'objects', 'classes')
CLASSES = {'RBC': 'RBC', 'WBC': 'WBC', 'Platelets': 'platelet'}


def voc_entry(source, **options):
    return own_entry('voc', source, 'toy', classes=CLASSES, **options)


def digest(root):
    """Relative path -> hash and time of every file."""
    return {
        str(path.relative_to(root)): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
        for path in sorted(root.rglob('*'))
        if path.is_file()
    }


def contents(root):
    return {name: value[0] for name, value in digest(root).items()}


def read(out, split='train'):
    return json.loads((out / 'annotations' / f'{split}.json').read_text())


def test_result_is_valid_and_the_source_unchanged(voc, tmp_path):
    before = digest(voc)
    convert(voc_entry(voc, licence='MIT'), voc, tmp_path / 'out')
    assert digest(voc) == before
    summary = check_path(tmp_path / 'out', decode=True)
    assert summary.faults == [] and (summary.images, summary.objects) == (5, 5)
    document = read(tmp_path / 'out')
    info = {'schema_version': '1.0', 'dataset': 'toy', 'split': 'train', 'licence': 'MIT'}
    info['splits_sha256'] = digest(tmp_path / 'out')['splits.json'][0]
    assert document['info'] == info
    assert document['images'][1] == {
        'id': 2,
        'file_name': 'images/00003.jpg',
        'width': 40,
        'height': 30,
        'tasks': ['det'],
        'prompt': 'complete blood count',
        'source': 'JPEGImages/00003.jpg',
    }
    assert [category['name'] for category in document['categories']] == ['RBC', 'WBC', 'platelet']


def test_same_bytes_for_any_number_of_workers_and_twice(voc, tmp_path):
    entry = voc_entry(voc)
    for out, workers in (('a', 1), ('b', 3), ('b', 1)):
        convert(entry, voc, tmp_path / out, workers=workers)
    assert contents(tmp_path / 'a') == contents(tmp_path / 'b')


def test_interrupted_conversion_continues(voc, tmp_path):
    entry, out = voc_entry(voc), tmp_path / 'out'
    convert(entry, voc, tmp_path / 'whole')
    (voc / 'Annotations' / '00012.xml').write_text('<annotation>')
    with pytest.raises(DataError, match=r'00012.xml: file: content: is not whole XML'):
        convert(entry, voc, out)
    assert not (out / 'annotations').exists()
    assert json.loads((out / 'conversion_report.json').read_text())['complete'] is False
    kept = (out / 'images' / '00000.jpg').stat()
    (out / 'images' / '.00003.jpg.part').write_bytes(b'half')
    (out / 'images' / '00003.jpg').write_bytes(b'half')
    convert_again = (voc / 'Annotations' / '00010.xml').read_text()
    (voc / 'Annotations' / '00012.xml').write_text(convert_again.replace('00010', '00012'))
    convert(entry, voc, out)
    assert contents(out) == contents(tmp_path / 'whole')
    assert (out / 'images' / '00000.jpg').stat().st_ino == kept.st_ino


@pytest.mark.parametrize('mode', ['symlink', 'hardlink'])
def test_links(voc, tmp_path, mode):
    entry = voc_entry(voc)
    convert(entry, voc, tmp_path / 'copy')
    for _ in range(2):
        convert(entry, voc, tmp_path / mode, images=mode)
    placed, original = tmp_path / mode / 'images' / '00000.jpg', voc / 'JPEGImages' / '00000.jpg'
    assert os.path.samefile(placed, original) and placed.is_symlink() == (mode == 'symlink')
    assert contents(tmp_path / mode) == contents(tmp_path / 'copy')
    convert(entry, voc, tmp_path / mode, images='copy')
    assert not os.path.samefile(placed, original) and placed.read_bytes() == original.read_bytes()


def test_all_faults_are_told(voc, tmp_path, tools):
    for stem in ('00000', '00012'):
        tools.text(voc / 'Annotations' / f'{stem}.xml', tools.xml(('Platelet', 1, 2, 11, 12)))
    image = voc / 'JPEGImages' / '00007.jpg'
    image.write_bytes(image.read_bytes()[:-200])
    with pytest.raises(DataError) as error:
        convert(voc_entry(voc), voc, tmp_path / 'out')
    text = '\n'.join(map(str, error.value.faults))
    assert len(error.value.faults) == 3
    assert "00000.xml: object 1: class: 'Platelet' is not a known class (nearest: Platelets; in the " in text
    assert '00007.jpg: file: image: is truncated' in text


def test_boxes_are_dropped_clipped_and_counted(voc, tmp_path, tools):
    boxes = [('RBC', 5, 5, 5, 9), ('RBC', 50, 5, 60, 9), ('RBC', 30, 20, 50, 40), ('RBC', 1, 2, 11, 12)]
    tools.text(voc / 'Annotations' / '00000.xml', tools.xml(*boxes, boxes[-1]))
    report = convert(voc_entry(voc), voc, tmp_path / 'out')
    assert {code: len(items) for code, items in report.changes.items()} == {
        'empty_box': 1,
        'outside_box': 1,
        'clipped_box': 1,
        'duplicate_object': 1,
    }
    assert report.changes['empty_box'] == ['Annotations/00000.xml: object 1: RBC [5, 5, 5, 9]']
    objects = [item['bbox'] for item in read(tmp_path / 'out')['annotations'] if item['image_id'] == 1]
    assert objects == [[30, 20, 10, 10], [1, 2, 10, 10]]
    written = json.loads((tmp_path / 'out' / 'conversion_report.json').read_text())
    assert written['complete'] and [change['count'] for change in written['changes']] == [1, 1, 1, 1]
    assert any('1 boxes without area, dropped' in line for line in report.lines())


def test_image_without_objects_is_kept_and_counted(voc, tmp_path, tools):
    tools.text(voc / 'Annotations' / '00012.xml', tools.xml())
    report = convert(voc_entry(voc), voc, tmp_path / 'out')
    assert {key: report.splits['test'][key] for key in COUNTS} == {
        'images': 1,
        'images_without_objects': 1,
        'objects': 0,
        'classes': {'RBC': 0, 'WBC': 0, 'platelet': 0},
    }
    assert len(read(tmp_path / 'out', 'test')['images']) == 1


EXPECTING = """
name: toy
tasks: [det]
prompt: RBC
classes: {RBC: RBC}
converter: voc
parameters: {}
expected: {exact: %s, images: {train: 3, val: 1, test: 2}, objects: {RBC: 5}}
"""


def test_expected_counts(voc, tmp_path):
    report = convert(read_entry(EXPECTING % 'false', 'toy.yaml'), voc, tmp_path / 'out')
    assert report.differences == ['1 images of test, expected 2']
    with pytest.raises(DataError, match='counts: 1 images of test, expected 2'):
        convert(read_entry(EXPECTING % 'true', 'toy.yaml'), voc, tmp_path / 'exact')
    assert not (tmp_path / 'exact' / 'annotations').exists()


@pytest.mark.parametrize('out', ['voc', 'voc/out', '.'])
def test_out_and_source_must_not_contain_each_other(voc, tmp_path, out):
    with pytest.raises(DataError, match='lie inside each other'):
        convert(voc_entry(voc), voc, tmp_path / out)


def test_foreign_data_is_not_overwritten(voc, tmp_path):
    out = tmp_path / 'out'
    convert(voc_entry(voc), voc, out)
    with pytest.raises(DataError, match="already holds the data set 'toy'"):
        convert(load_entry('bccd'), voc, out)
    (out / 'conversion_report.json').unlink()
    with pytest.raises(DataError, match='annotations that no conversion made'):
        convert(voc_entry(voc), voc, out)


def test_absent_source_and_unknown_parameter(voc, tmp_path):
    with pytest.raises(DataError, match='nowhere: folder: path: does not exist; check --src'):
        convert(voc_entry(voc), tmp_path / 'nowhere', tmp_path / 'out')
    entry = read_entry(EXPECTING.replace('{}', '{image: x}') % 'false', 'toy.yaml')
    with pytest.raises(
        DataError, match=r'parameters\.image: is not a parameter of voc; use annotations, images'
    ):
        convert(entry, voc, tmp_path / 'out')


def test_two_images_that_would_get_the_same_name(yolo, tmp_path, tools):
    tools.image(yolo / 'more' / 'images' / 'a.png', '.png')
    tools.text(yolo / 'more' / 'labels' / 'a.txt', '')
    text = (
        (yolo / 'data.yaml')
        .read_text()
        .replace('train: ./images/train/', 'train: [images/train, more/images]')
    )
    (yolo / 'data.yaml').write_text(text)
    with pytest.raises(DataError, match=r'would both become images/train/a.png'):
        convert(own_entry('yolo', yolo, 'toy'), yolo, tmp_path / 'out')


def test_folder_in_use_is_refused(voc, tmp_path):
    out = tmp_path / 'out'
    with folder_lock(out), pytest.raises(InputError, match='out: folder: out: another run writes into it'):
        convert(voc_entry(voc), voc, out)
    assert not list(out.iterdir())
    convert(voc_entry(voc), voc, out)


@pytest.mark.parametrize('workers', [1, 2])
def test_full_disk(voc, tmp_path, monkeypatch, workers):
    def copy(source, target):
        if source.stem == '00007':
            raise OSError(errno.ENOSPC, 'No space left on device', str(source), None, str(target))
        target.write_bytes(source.read_bytes())

    out = tmp_path / 'out'
    monkeypatch.setattr(shutil, 'copy2', copy)
    with pytest.raises(
        DataError, match=r'00007.jpg.*: file: path: cannot be .*No space.*; make room on the disk'
    ):
        convert(voc_entry(voc), voc, out, workers=workers)
    assert not (out / 'annotations').exists()
    assert not [name for name in contents(out) if name.endswith(('.part', '.tmp', '.lock'))]
    assert [fault.field for fault in check_path(out).faults] == ['annotations', 'conversion_report.json']


def test_disk_that_is_full_when_annotations_are_written(voc, tmp_path, monkeypatch):
    calls = []

    def sync(handle):
        calls.append(handle)
        if len(calls) > 2:
            raise OSError(errno.ENOSPC, 'No space left on device')

    out = tmp_path / 'out'
    monkeypatch.setattr(os, 'fsync', sync)
    with pytest.raises(DataError, match=r'cannot be read or written .No space left on device.; make room'):
        convert(voc_entry(voc), voc, out)
    assert not list(out.glob('annotations/*')) and not list(out.glob('**/.*'))
    monkeypatch.undo()
    convert(voc_entry(voc), voc, tmp_path / 'whole')
    convert(voc_entry(voc), voc, out)
    assert contents(out) == contents(tmp_path / 'whole')


def test_what_a_kill_left_is_cleared_away(voc, tmp_path):
    out = tmp_path / 'out'
    convert(voc_entry(voc), voc, out)
    whole = contents(out)
    (out / 'images' / '.gone.jpg.part').write_bytes(b'half')
    (out / 'annotations' / '.train.json.x1y2.tmp').write_bytes(b'half')
    report = json.loads((out / 'conversion_report.json').read_text())
    (out / 'conversion_report.json').write_text(json.dumps({**report, 'complete': False}))
    (fault,) = check_path(out).faults
    assert 'the conversion was not finished; give the same convert command again' in str(fault)
    convert(voc_entry(voc), voc, out)
    assert contents(out) == whole


def test_split_that_the_source_no_longer_has(voc, tmp_path):
    out = tmp_path / 'out'
    convert(voc_entry(voc), voc, out)
    (voc / 'ImageSets' / 'Main' / 'test.txt').unlink()
    convert(voc_entry(voc), voc, out)
    assert sorted(path.name for path in (out / 'annotations').iterdir()) == ['train.json', 'val.json']


def test_packed_outcomes_are_small():
    objects = [
        {'category': 'RBC', 'bbox': [x * 1.234, x / 7, x * 3.1, x + 0.5], 'area': x * 9.7, 'iscrowd': 0}
        for x in range(10)
    ]
    outcome = Outcome('train', {'file_name': 'images/train/000001.jpg', 'tasks': ['det']}, objects)
    packed = pack_outcome(None, convert=lambda item: outcome)
    assert len(packed) < 1000 and list(PackedOutcomes([packed])) == [outcome]
