"""Confusion matrix, curves and error gallery of dumped predictions."""

import csv
import json
import pickle

import cv2
import pytest
import torch

NAMES = ('confusion_matrix.py', 'error_gallery.py')


@pytest.fixture
def dumped(toy_config, tmp_path):
    """Config, and predictions that call the first cell blue and miss the last one of each image."""
    config = toy_config(objects=(2, 1, 3))
    truth = json.loads((tmp_path / 'toy/annotations/test.json').read_text())
    samples = []
    for image in truth['images']:
        items = [item for item in truth['annotations'] if item['image_id'] == image['id']][:-1]
        boxes = [(x, y, x + w, y + h) for x, y, w, h in (item['bbox'] for item in items)]
        found = dict(
            bboxes=torch.tensor(boxes, dtype=torch.float).reshape(-1, 4),
            labels=torch.ones(len(items), dtype=torch.long),
            scores=torch.full((len(items),), 0.8),
        )
        samples.append(dict(img_id=image['id'], pred_instances=found))
    file = tmp_path / 'predictions.pkl'
    file.write_bytes(pickle.dumps(samples))
    blue = sum(item['category_id'] == 9 for item in truth['annotations'])
    return config, file, (len(truth['annotations']) - blue, blue)


def test_confusion_matrix_of_detections(dumped, call_tool, tmp_path):
    config, file, (red, blue) = dumped
    assert call_tool('analysis_tools/confusion_matrix.py', config, file, '--out', tmp_path / 'out') == 0
    with (tmp_path / 'out/confusion_matrix.csv').open() as table:
        header, *rows = csv.reader(table)
    assert header[1:] == ['red', 'blue', 'background']
    counts = [list(map(int, row[1:])) for row in rows]
    assert [sum(row) for row in counts[:2]] == [red, blue]
    assert counts[0][0] == 0  # nothing is called red
    assert counts[0][2] + counts[1][2] == 3  # one missed cell per image
    assert counts[2] == [0, 0, 0]
    assert cv2.imread(str(tmp_path / 'out/confusion_matrix.png')) is not None


def test_gallery_and_curves_of_detections(dumped, call_tool, tmp_path, capfd):
    config, file, _ = dumped
    assert call_tool('analysis_tools/error_gallery.py', config, file, '--out', tmp_path / 'out') == 0
    assert 'false positive: 0, false negative: 3' in capfd.readouterr().out
    assert (tmp_path / 'out/index.html').is_file()
    call = 'analysis_tools/curves.py', 'precision-recall', config, file, '--out', tmp_path / 'out'
    assert call_tool(*call) == 0
    assert cv2.imread(str(tmp_path / 'out/precision_recall.png')) is not None


def test_predictions_of_other_images(dumped, call_tool, tmp_path, capfd):
    config, file, _ = dumped
    file.write_bytes(pickle.dumps(pickle.loads(file.read_bytes())[1:]))
    for name in NAMES:
        assert call_tool(f'analysis_tools/{name}', config, file, '--out', tmp_path / 'out') == 2
        assert 'has 2 images, but not those of the 3' in capfd.readouterr().err


@pytest.mark.parametrize('content', [b'', b'no pickle', pickle.dumps([]), pickle.dumps([dict(img_id=1)])])
def test_files_that_are_no_predictions(dumped, call_tool, content, capfd):
    config, file, _ = dumped
    file.write_bytes(content)
    assert call_tool('analysis_tools/confusion_matrix.py', config, file) == 2
    assert str(file) in capfd.readouterr().err


def test_a_file_that_is_not_there_but_those_of_sets_are(dumped, call_tool, capfd):
    config, file, _ = dumped
    file.rename(file.with_name('all_det.pkl'))
    assert call_tool('analysis_tools/confusion_matrix.py', config, file.with_name('all.pkl')) == 2
    assert 'use one of all_det.pkl' in capfd.readouterr().err


def test_curves_of_a_training(call_tool, tmp_path, capfd):
    file = tmp_path / 'run/1/vis_data/scalars.json'
    file.parent.mkdir(parents=True)
    file.write_text(''.join(json.dumps(dict(loss=1 / step, step=step)) + '\n' for step in (1, 2, 3)))
    arguments = 'training', tmp_path / 'run', '--out', tmp_path / 'out'
    assert call_tool('analysis_tools/curves.py', *arguments) == 0
    assert [path.name for path in (tmp_path / 'out').iterdir()] == ['training_losses.png']
    assert call_tool('analysis_tools/curves.py', 'training', tmp_path / 'out') == 2
    assert 'give the folder of a training' in capfd.readouterr().err
