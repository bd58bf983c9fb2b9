"""tools/analysis_tools/evaluate_report.py: a report of predictions beside one of the labels."""

import json
import runpy
import sys
from dataclasses import replace

import pytest

from unihema_mm.apis.reports import ReportOptions

from ..test_apis.conftest import image_folder, work_folder

__all__ = ['image_folder', 'work_folder']

BOXES = dict(RBC=[[5, 5, 8, 8], [20, 5, 8, 8], [60, 5, 12, 8]], WBC=[[30, 20, 10, 10]])


@pytest.fixture
def annotations(image_folder):
    """The same cells on two images of one name in two folders, 72 pixels wide."""
    names = ['RBC', 'WBC']
    images = [dict(id=i, file_name=name, width=72, height=48) for i, name in enumerate(['a.png', 'b/a.png'])]
    boxes = [
        (image['id'], names.index(name), box) for image in images for name in BOXES for box in BOXES[name]
    ]
    cells = [dict(id=i, image_id=image, category_id=kind + 1, bbox=box)
             for i, (image, kind, box) in enumerate(boxes)]  # fmt: skip
    document = dict(images=images, annotations=cells,
                    categories=[dict(id=i, name=name) for i, name in enumerate(names, 1)])  # fmt: skip
    # A picture of a single cell, which has no box: nothing is counted on it.
    images.append(dict(images[0], id=2, tasks=['cls']))
    path = image_folder / 'annotations/test.json'
    path.parent.mkdir()
    path.write_text(json.dumps(document))
    return path


@pytest.fixture
def tool(repo):
    return str(repo / 'tools/analysis_tools/evaluate_report.py')


def test_numbers_of_both_reports_are_compared(tool, annotations, work_folder, tmp_path, monkeypatch, capsys):
    out = tmp_path / 'out'
    given = [annotations, work_folder, '--out', out, '--identify', 0]
    monkeypatch.setattr(sys, 'argv', ['evaluate_report.py', *map(str, given)])
    runpy.run_path(tool, run_name='__main__')
    result = json.loads((out / 'comparison.json').read_text())
    counts = {row['class']: row for row in result['numbers'] if row['quantity'] == 'count'}
    # The red cell at the right edge is left out by the rule of the report.
    assert (counts['red cells']['label'], counts['white cells']['label']) == (4, 2)
    assert sum(row['value'] for row in counts.values()) > 0
    for row in counts.values():
        assert row['error'] == row['value'] - row['label']
        assert row['covered'] == (row['low'] <= row['label'] <= row['high'])
    per_image = {row['class']: row for row in result['counts_per_image']}
    assert per_image['red cells']['images'] == 2
    assert 2 * per_image['red cells']['mean_error'] == pytest.approx(counts['red cells']['error'])
    assert per_image['red cells']['mean_absolute_error'] >= abs(per_image['red cells']['mean_error'])
    shown = capsys.readouterr().out
    assert '| count | red cells | cells |' in shown and '| white-cell differential |' in shown
    assert {path.name for path in out.iterdir()} == {
        'predicted',
        'labels',
        'comparison.json',
        'comparison.md',
    }


def test_identify_is_chosen_where_counts_come_next_to_the_labels(tool, annotations):
    parts = runpy.run_path(tool)
    document = parts['read_annotations'](annotations)

    class Doubtful:
        """Finds each labelled cell with a score of 0.42, and as many that are none with 0.37."""

        def __call__(self, paths, **asked):
            for result in parts['labels'](annotations, document):
                cells = [replace(cell, score=0.42) for cell in result.cells]
                below = [(x1, y1 + 12, x2, y2 + 12) for x1, y1, x2, y2 in (one.bbox for one in result.cells)]
                wrong = [
                    replace(one, score=0.37, bbox=box) for one, box in zip(result.cells, below, strict=True)
                ]
                yield replace(result, cells=(*cells, *wrong))

    assert parts['choose_identify'](Doubtful(), annotations, ReportOptions()) == 0.4


def test_labels_that_are_absent(tool, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, 'argv', ['evaluate_report.py', str(tmp_path / 'absent.json'), 'model'])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(tool, run_name='__main__')
    assert end.value.code == 2 and 'absent.json: not found' in capsys.readouterr().err
