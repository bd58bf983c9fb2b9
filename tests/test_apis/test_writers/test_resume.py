import csv
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unihema_mm.apis.writers import WRITERS, PredictionWriter, done_names, write_predictions
from unihema_mm.structures.results import RESEARCH_USE, FailedImage
from unihema_mm.utils.errors import InputError

from .parts import draw_run, make_result, read_json, tree

FORMATS = sorted(set(WRITERS) - {'overlay'})


def rows(path):
    with path.open(newline='', encoding='utf-8') as file:
        return list(csv.DictReader(file))


def test_killed_at_any_write_and_continued_leaves_the_files_of_an_unbroken_run(tmp_path, repo):
    script = Path(__file__).with_name('killed_runs.py')
    env = {**os.environ, 'PYTHONPATH': str(repo)}
    run = subprocess.run(
        [sys.executable, str(script), str(tmp_path), '5'],
        env=env,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr
    lines = run.stdout.splitlines()
    assert lines[:-1] == []
    assert int(lines[-1].split()[0]) > 40


def test_interrupted_run_leaves_whole_files_and_names_what_is_done(tmp_path):
    items = list(draw_run(9))
    with pytest.raises(KeyboardInterrupt), PredictionWriter(tmp_path / 'out', FORMATS) as writer:
        for item in items[:6]:
            writer.write(item)
        raise KeyboardInterrupt
    done = done_names(tmp_path / 'out')
    assert done == {item.name for item in items[:6] if not isinstance(item, FailedImage)}
    assert [row['image'].lstrip("'") for row in rows(tmp_path / 'out/csv/images.csv')] == [
        item.name for item in items[:6]
    ]
    write_predictions((item for item in items if item.name not in done), tmp_path / 'out', FORMATS)
    write_predictions(items, tmp_path / 'unbroken', FORMATS)
    assert tree(tmp_path / 'out') == tree(tmp_path / 'unbroken')


def test_each_image_stands_once_in_the_tables_after_a_failure_was_mended(tmp_path):
    write_predictions(
        [make_result('a'), FailedImage('b', None, 'broken'), make_result('c')], tmp_path, ['csv']
    )
    assert done_names(tmp_path) == {'a', 'c'}
    assert "failed: 'b': broken" in (tmp_path / 'README.txt').read_text()
    write_predictions([make_result('b')], tmp_path, ['csv'])
    table = rows(tmp_path / 'csv/images.csv')
    assert [(row['image'], row['error']) for row in table] == [('a', ''), ('b', ''), ('c', '')]
    assert 'failed:' not in (tmp_path / 'README.txt').read_text()


def test_nothing_is_left_of_an_image_that_a_format_refuses(tmp_path):
    masked = make_result('a.png', mask=np.ones((30, 40), np.uint8), tasks=('det', 'seg'))
    Image.fromarray(np.zeros((30, 40, 3), np.uint8)).save(tmp_path / 'b.png')
    bare = replace(make_result('b.png'), path=str(tmp_path / 'b.png'))
    out = tmp_path / 'out'
    with PredictionWriter(out, sorted(WRITERS)) as writer:
        with pytest.raises(InputError, match=r'overlay: a\.png: path: is not known'):
            writer.write(masked)
        with pytest.raises(InputError, match=r'labels: b\.png: tasks: det give no masks'):
            writer.write(bare)
        assert not [path for path in out.rglob('*') if path.name.startswith(('a.png', 'b.png'))]
    assert rows(out / 'csv/images.csv') == [] and done_names(out) == frozenset()


def test_done_names_of_a_folder_without_run(tmp_path):
    assert done_names(tmp_path) == done_names(tmp_path / 'none') == frozenset()


def test_done_names_leaves_a_journal_that_is_being_written_alone(tmp_path):
    write_predictions([make_result('a')], tmp_path, ['json'])
    journal = tmp_path / '.unihema/journal.jsonl'
    with journal.open('ab') as file:
        file.write(b'{"name": "b", "err')
    size = journal.stat().st_size
    assert done_names(tmp_path) == {'a'}
    assert journal.stat().st_size == size


@pytest.mark.parametrize(
    'formats, settings, field',
    [
        (['csv'], {'score': 0.5}, 'score'),
        (['csv', 'json'], {'score': 0.3}, 'formats'),
        (['csv'], {}, 'score'),
    ],
)
def test_other_settings_are_refused_in_one_line(tmp_path, formats, settings, field):
    write_predictions([make_result()], tmp_path, ['csv'], {'score': 0.3})
    before = tree(tmp_path)
    with pytest.raises(InputError, match=f': {field}: is ') as error:
        PredictionWriter(tmp_path, formats, settings)
    assert '\n' not in str(error.value)
    assert tree(tmp_path) == before


def test_same_settings_in_another_order_are_accepted(tmp_path):
    write_predictions([make_result()], tmp_path, ['csv', 'json'], {'a': (1, 2), 'b': None})
    write_predictions([], tmp_path, ['json', 'csv'], {'b': None, 'a': [1, 2]})


def test_files_of_another_origin_are_not_replaced(tmp_path):
    (tmp_path / 'csv').mkdir()
    (tmp_path / 'csv/cells.csv').write_text('mine')
    with pytest.raises(InputError, match='csv is there'):
        write_predictions([make_result()], tmp_path, ['csv'])
    assert (tmp_path / 'csv/cells.csv').read_text() == 'mine'


def test_two_images_of_one_name_are_refused(tmp_path):
    with PredictionWriter(tmp_path, ['csv']) as writer:
        writer.write(make_result('a'))
        with pytest.raises(InputError, match='written already'):
            writer.write(make_result('a'))


def test_two_writers_at_once_are_refused(tmp_path):
    with PredictionWriter(tmp_path, ['csv']), pytest.raises(InputError, match='another run'):
        PredictionWriter(tmp_path, ['csv'])


@pytest.mark.parametrize('formats, message', [(['jsno'], 'nearest: json'), ([], 'at least one')])
def test_unknown_format(tmp_path, formats, message):
    with pytest.raises(InputError, match=message):
        PredictionWriter(tmp_path, formats)
    assert tree(tmp_path) == {}


def test_model_with_other_classes_is_refused(tmp_path):
    with PredictionWriter(tmp_path, ['yolo']) as writer:
        writer.write(make_result('a'))
        other = make_result('b')
        object.__setattr__(other, 'classes', ('ring',))
        with pytest.raises(InputError, match=r'yolo: b: classes: ring are not'):
            writer.write(other)


def test_record_file_that_is_none_is_refused(tmp_path):
    write_predictions([make_result()], tmp_path, ['csv'])
    (tmp_path / '.unihema/csv.jsonl').write_text('not a record\n{}\n')
    with pytest.raises(InputError, match=r'csv\.jsonl: line 1'):
        PredictionWriter(tmp_path, ['csv'])


def test_empty_run_has_whole_files(tmp_path):
    write_predictions([], tmp_path, FORMATS)
    assert read_json(tmp_path / 'coco/results.json') == []
    assert read_json(tmp_path / 'coco/images.json')['images'] == []
    assert rows(tmp_path / 'csv/cells.csv') == []


def test_every_file_says_that_it_is_for_research(tmp_path):
    write_predictions([make_result('a', next(draw_run(1)).cells, tasks=('det', 'inst'))], tmp_path, FORMATS)
    without = {'yolo/classes.txt', 'yolo/labels/a.txt', 'labels/cells/a.tif'}
    files = tree(tmp_path)
    assert {name for name, content in files.items() if RESEARCH_USE.encode() not in content} <= without
    assert RESEARCH_USE in files['README.txt'].decode()


def test_memory_does_not_grow_with_the_cells(tmp_path):
    import tracemalloc

    def peak(count, folder):
        cells = next(draw_run(1)).cells * 25
        tracemalloc.start()
        write_predictions(
            (make_result(f'{number}.png', cells) for number in range(count)), folder, ['csv', 'coco']
        )
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    small, large = peak(10, tmp_path / 'small'), peak(100, tmp_path / 'large')
    assert large < small + 500 * 90  # names and places, not cells
