"""The corpus on disk: layout, schema, determinism, wrong input."""

import json
import os

import cv2
import numpy as np
import pytest
from pycocotools.coco import COCO

from unihema_mm.datasets.schema import SCHEMA_VERSION, SPLITS
from unihema_mm.datasets.synthetic import contact_sheet, corpus, generate_corpus
from unihema_mm.datasets.synthetic.vocabulary import ATTRIBUTES, CLASSES, WHITE_CELLS
from unihema_mm.datasets.validation import check_path
from unihema_mm.utils.errors import InputError
from unihema_mm.utils.folder_lock import folder_lock


def contents(root) -> dict:
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob('*')) if p.is_file()}


def test_the_validator_finds_no_fault(corpus):
    summary = check_path(corpus, decode=True)
    assert not summary.faults, '\n'.join(map(str, summary.faults))
    assert (summary.files, summary.images) == (3, 44)


def test_splits_and_summary(tmp_path):
    summary = generate_corpus(tmp_path, num=11, cells=5, seed=1, progress=False)
    assert summary['fields'] == {'train': 9, 'val': 1, 'test': 1}
    assert summary['cells'] == {'train': 3, 'val': 1, 'test': 1}
    for split in SPLITS:
        content = json.loads((tmp_path / 'annotations' / f'{split}.json').read_text())
        assert content['info']['schema_version'] == SCHEMA_VERSION
        assert content['info']['split'] == split
        assert len(content['annotations']) == sum(summary['objects'][split].values())
        assert sum(len(image['questions']) for image in content['images']) == summary['questions'][split]
    assert summary['seconds'] > 0


@pytest.mark.parametrize(
    ('num', 'sizes'), [(1, (1, 0, 0)), (2, (1, 1, 0)), (3, (1, 1, 1)), (10, (8, 1, 1)), (200, (160, 20, 20))]
)
def test_split_sizes(num, sizes):
    assert tuple(corpus.split_sizes(num).values()) == sizes


@pytest.mark.parametrize('num', [1, 2, 3])
def test_smallest_corpora_hold_every_split_file(tmp_path, num):
    generate_corpus(tmp_path, num=num, progress=False)
    pictures = 0
    for split in SPLITS:
        content = json.loads((tmp_path / 'annotations' / f'{split}.json').read_text())
        pictures += len(content['images'])
    assert pictures == 2 * num


def test_same_seed_same_bytes_for_any_number_of_workers(tmp_path):
    for name, workers in (('one', 1), ('again', 1), ('two', 2)):
        generate_corpus(tmp_path / name, num=4, cells=12, seed=5, workers=workers, progress=False)
    one = contents(tmp_path / 'one')
    assert len(one) == 4 + 12 + 3
    assert contents(tmp_path / 'again') == one
    assert contents(tmp_path / 'two') == one


def test_other_seed_other_pictures(tmp_path):
    for seed in (0, 1):
        generate_corpus(tmp_path / str(seed), num=2, cells=0, seed=seed, progress=False)
    zero, one = contents(tmp_path / '0'), contents(tmp_path / '1')
    assert zero.keys() == one.keys()
    assert all(zero[name] != one[name] for name in zero if name.endswith('.jpg'))


def test_a_picture_does_not_depend_on_the_size_of_the_corpus(tmp_path):
    generate_corpus(tmp_path / 'a', num=2, cells=0, progress=False)
    generate_corpus(tmp_path / 'b', num=4, cells=1, progress=False)
    name = 'images/fields/field_000001.jpg'
    assert (tmp_path / 'a' / name).read_bytes() == (tmp_path / 'b' / name).read_bytes()


def test_ids_boxes_polygons_and_attributes(splits):
    for content in splits.values():
        images = {image['id']: image for image in content['images']}
        assert len(images) == len(content['images'])
        assert len({record['id'] for record in content['annotations']}) == len(content['annotations'])
        assert [c['name'] for c in content['categories']] == list(CLASSES)
        names = {c['id']: c['name'] for c in content['categories']}
        for record in content['annotations']:
            image = images[record['image_id']]
            x, y, w, h = record['bbox']
            assert 0 <= x < x + w <= image['width'] and 0 <= y < y + h <= image['height']
            points = np.reshape(record['segmentation'][0], (-1, 2))
            assert len(points) >= 3
            assert (points.min(0) == (x, y)).all() and (points.max(0) == (x + w, y + h)).all()
            assert 0 < record['area'] <= w * h
            white = names[record['category_id']] in WHITE_CELLS
            assert set(record.get('attributes', {})) == (set(ATTRIBUTES) if white else set())
            for attribute, value in record.get('attributes', {}).items():
                assert value in content['info']['attributes'][attribute]


def test_image_ids_do_not_repeat_across_splits(splits):
    ids = [image['id'] for content in splits.values() for image in content['images']]
    assert len(set(ids)) == len(ids)


def test_tasks_are_those_the_record_supports(splits):
    for content in splits.values():
        for image in content['images']:
            objects = [r for r in content['annotations'] if r['image_id'] == image['id']]
            assert objects and image['questions'] and image['sentences'] and image['prompt']
            assert {'seg', 'inst', 'vqa', 'mlm'} <= set(image['tasks'])
            assert ('det' in image['tasks']) != ('cls' in image['tasks'])
            if 'cls' in image['tasks']:
                # The centred cell is the first object.
                assert image['class_name'] == CLASSES[objects[0]['category_id'] - 1]
                assert image.get('attributes') == objects[0].get('attributes')
                x, y, w, h = objects[0]['bbox']
                assert abs(x + w / 2 - 64) < 16 and abs(y + h / 2 - 64) < 16
                assert ('morph' in image['tasks']) == ('attributes' in image)
            else:
                assert ('morph' in image['tasks']) == any('attributes' in r for r in objects)


def test_pycocotools_reads_masks_of_the_stated_area(corpus, capsys):
    coco = COCO(str(corpus / 'annotations' / 'train.json'))
    for record in coco.loadAnns(coco.getAnnIds())[:300]:
        assert coco.annToMask(record).sum() == pytest.approx(record['area'], rel=0.06, abs=6)


def test_pictures_are_as_stated_and_not_blank(corpus, splits):
    for image in splits['val']['images']:
        picture = cv2.imread(str(corpus / image['file_name']))
        assert picture.shape == (image['height'], image['width'], 3)
        assert picture.std() > 8


def test_drawn_matter_lies_inside_the_masks(corpus, splits):
    """Nothing is drawn without a record: away from all masks a picture is smooth ground."""
    for image in splits['train']['images'][:6]:
        picture = cv2.imread(str(corpus / image['file_name']))
        covered = np.zeros(picture.shape[:2], np.uint8)
        for record in splits['train']['annotations']:
            if record['image_id'] == image['id']:
                polygon = np.reshape(record['segmentation'][0], (-1, 1, 2)).round().astype(np.int32)
                cv2.fillPoly(covered, [polygon], 1)
        free = cv2.dilate(covered, np.ones((9, 9), np.uint8)) == 0
        ground = cv2.medianBlur(picture, 5).astype(float)[free]
        y, x = np.argwhere(free).T / 640
        light = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], 1)
        residual = ground - light @ np.linalg.lstsq(light, ground, rcond=None)[0]
        assert np.abs(residual).max() < 16
        inside = cv2.erode(covered, np.ones((5, 5), np.uint8)) > 0
        assert np.median(ground, 0).sum() - picture[inside].mean(0).sum() > 20


def test_each_class_appears(splits):
    found = {CLASSES[r['category_id'] - 1] for c in splits.values() for r in c['annotations']}
    assert found == set(CLASSES)


@pytest.mark.parametrize(
    ('wrong', 'words'),
    [
        (dict(num=0), 'num is 0'),
        (dict(cells=-1), 'cells is -1'),
        (dict(seed=-2), 'seed'),
        (dict(workers=0), 'workers'),
    ],
)
def test_wrong_numbers_are_refused_before_anything_is_written(tmp_path, wrong, words):
    with pytest.raises(ValueError, match=words):
        generate_corpus(tmp_path / 'out', progress=False, **wrong)
    assert not (tmp_path / 'out').exists()


def test_another_data_set_is_not_overwritten(tmp_path):
    path = tmp_path / 'annotations' / 'val.json'
    path.parent.mkdir()
    path.write_text('{"info": {"dataset": "bccd"}}')
    with pytest.raises(FileExistsError, match=r'val\.json belongs to another data set'):
        generate_corpus(tmp_path, num=1, progress=False)
    assert path.read_text() == '{"info": {"dataset": "bccd"}}'


def test_a_smaller_corpus_leaves_nothing_of_the_larger_one(tmp_path):
    generate_corpus(tmp_path / 'twice', num=4, cells=3, progress=False)
    (tmp_path / 'twice/images/fields/.field_000000.jpg.part').write_bytes(b'half')
    (tmp_path / 'twice/images/fields/own.jpg').write_bytes(b'own')
    generate_corpus(tmp_path / 'twice', num=2, cells=1, progress=False)
    generate_corpus(tmp_path / 'once', num=2, cells=1, progress=False)
    (tmp_path / 'once/images/fields/own.jpg').write_bytes(b'own')
    assert contents(tmp_path / 'twice') == contents(tmp_path / 'once')


def test_interruption_leaves_no_half_file_and_no_annotations(tmp_path, monkeypatch):
    generate_corpus(tmp_path, num=3, cells=0, progress=False)
    replace, calls = os.replace, []

    def fail_on_second(source, target):
        calls.append(target)
        if len(calls) == 2:
            raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(corpus.os, 'replace', fail_on_second)
    with pytest.raises(KeyboardInterrupt):
        generate_corpus(tmp_path, num=3, cells=0, seed=9, progress=False)
    monkeypatch.undo()
    assert not list((tmp_path / 'annotations').iterdir())
    for path in (tmp_path / 'images/fields').glob('*.jpg'):
        assert cv2.imread(str(path)) is not None
    generate_corpus(tmp_path, num=3, cells=0, seed=9, progress=False)
    assert not list(tmp_path.rglob('*.part'))


def test_opencv_threads_are_restored(tmp_path):
    before = cv2.getNumThreads()
    generate_corpus(tmp_path, num=1, cells=0, progress=False)
    assert cv2.getNumThreads() == before


def test_contact_sheet(corpus, tmp_path):
    contact_sheet(corpus, tmp_path / 'deep' / 'sheet.jpg')
    sheet = cv2.imread(str(tmp_path / 'deep' / 'sheet.jpg'))
    assert sheet.shape[1] == 1280 and sheet.std() > 20
    with pytest.raises(ValueError, match=r'use \.jpg or \.png'):
        contact_sheet(corpus, tmp_path / 'sheet.nothing')


def test_contact_sheet_needs_every_class(tmp_path):
    generate_corpus(tmp_path, num=1, cells=2, progress=False)
    with pytest.raises(ValueError, match='draw a larger corpus'):
        contact_sheet(tmp_path, tmp_path / 'sheet.jpg')


def test_folder_in_use_is_refused(tmp_path):
    with folder_lock(tmp_path):
        with pytest.raises(InputError, match='another run writes into it'):
            generate_corpus(tmp_path, num=1, progress=False)
        assert [path.name for path in tmp_path.iterdir()] == ['.lock']
