"""SmearCocoMetric against hand-computed numbers, pycocotools and mmdet."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mmdet.evaluation import CocoMetric
from mmengine.logging import MMLogger

from unihema_mm.evaluation.metrics import SmearCocoMetric
from unihema_mm.utils.detection_budget import detection_budget
from unihema_mm.utils.errors import InputError

BACKENDS = ['pycocotools', 'faster_coco_eval']
PERFECT = pytest.approx(1.0, abs=1e-12)


@pytest.fixture(autouse=True)
def _logger():
    MMLogger.get_instance('test_metric')


def write_truth(path, boxes, labels, categories=('RBC', 'WBC'), ids=(3, 9), images=1, **extra):
    """COCO file with all boxes (n, 4; xywh) in image 0; categories get the ids in order."""
    annotations = [
        dict(
            id=index + 1,
            image_id=0,
            category_id=ids[label],
            bbox=list(map(float, box)),
            area=float(box[2] * box[3]),
            iscrowd=0,
            **extra,
        )
        for index, (box, label) in enumerate(zip(boxes, labels, strict=True))
    ]
    path.write_text(
        json.dumps(
            dict(
                images=[
                    dict(id=image, file_name=f'{image}.png', height=400, width=400) for image in range(images)
                ],
                annotations=annotations,
                categories=[
                    dict(id=identity, name=name) for identity, name in zip(ids, categories, strict=True)
                ],
            )
        )
    )
    return str(path)


def sample(boxes, labels, scores, image=0):
    xyxy = np.array(boxes, float).reshape(-1, 4)
    xyxy[:, 2:] += xyxy[:, :2]
    return dict(
        img_id=image,
        ori_shape=(400, 400),
        pred_instances=dict(
            bboxes=torch.tensor(xyxy),
            labels=torch.tensor(labels, dtype=torch.long),
            scores=torch.tensor(scores),
        ),
    )


def grid(count):
    """``count`` disjoint boxes of 10x10 pixels."""
    return [(20 * (index % 20), 20 * (index // 20), 10, 10) for index in range(count)]


def evaluate(metric, samples, classes=('RBC', 'WBC')):
    metric.dataset_meta = dict(classes=classes)
    metric.process({}, samples)
    return {key.split('/')[-1]: value for key, value in metric.evaluate(len(samples)).items()}


@pytest.mark.parametrize('backend', BACKENDS)
def test_dense_image_is_not_capped_at_100(tmp_path, backend):
    boxes = grid(150)
    truth = write_truth(tmp_path / 'gt.json', boxes, [0] * 150)
    found = sample(boxes, [0] * 150, np.linspace(0.9, 0.5, 150).tolist())
    ours = evaluate(SmearCocoMetric(ann_file=truth, backend=backend), [found])
    assert ours['bbox_mAP'] == ours['bbox_mAP_50'] == ours['bbox_RBC_AP'] == ours['bbox_AR'] == PERFECT
    # mmdet's: recall stops at 100 / 150, so precision is 1 at 67 of the 101 recall thresholds.
    assert evaluate(CocoMetric(ann_file=truth), [found])['bbox_mAP'] == round(67 / 101, 3)


@pytest.mark.parametrize('backend', BACKENDS)
def test_hand_computed_ap(tmp_path, backend):
    """150 objects; by descending score: 90 hits, 30 misses, 45 hits; 15 objects are not found."""
    boxes = grid(150)
    truth = write_truth(tmp_path / 'gt.json', boxes, [0] * 150)
    misses = [(x + 10, y + 10, 5, 5) for x, y, _, _ in grid(30)]
    rows = boxes[:90] + misses + boxes[90:135]
    found = sample(rows, [0] * 165, np.linspace(0.9, 0.5, 165).tolist())
    hits = np.array([1] * 90 + [0] * 30 + [1] * 45)
    recall = np.cumsum(hits) / np.float64(150)
    precision = np.cumsum(hits) / np.arange(1, 166, dtype=np.float64)
    expected = np.mean([precision[recall >= level].max(initial=0) for level in np.linspace(0, 1, 101)])
    ours = evaluate(SmearCocoMetric(ann_file=truth, backend=backend), [found])
    assert ours['bbox_mAP_50'] == pytest.approx(expected, abs=1e-9)
    assert ours['bbox_AR'] == pytest.approx(135 / 150)
    assert ours['bbox_mAP_m'] == ours['bbox_mAP_l'] == ours['bbox_WBC_AP'] == -1


@pytest.mark.parametrize('backend', BACKENDS)
def test_sparse_images_equal_mmdet(tmp_path, backend):
    rng = np.random.default_rng(0)
    boxes = [tuple(rng.integers(0, 300, 2)) + tuple(rng.integers(5, 100, 2)) for _ in range(60)]
    labels = rng.integers(0, 2, 60)
    truth = write_truth(tmp_path / 'gt.json', boxes, labels, images=2)
    shifted = [tuple(np.array(box) + rng.normal(0, 3, 4)) for box in boxes + boxes[:30]]
    found = [
        sample(shifted, np.append(labels, rng.integers(0, 2, 30)).tolist(), rng.random(90).tolist()),
        sample(grid(5), [0] * 5, [0.3] * 5, image=1),
    ]
    ours = evaluate(SmearCocoMetric(ann_file=truth, backend=backend), found)
    theirs = evaluate(CocoMetric(ann_file=truth, classwise=True), found)
    assert 0.1 < ours['bbox_mAP'] < 0.9
    for key in ('mAP', 'mAP_50', 'mAP_75', 'mAP_s', 'mAP_m', 'mAP_l'):
        assert round(ours[f'bbox_{key}'], 3) == theirs[f'bbox_{key}']
    assert round(ours['bbox_WBC_AP'], 3) == theirs['WBC_precision']


def test_labels_follow_names_not_file_order(tmp_path):
    boxes = grid(3)
    truth = write_truth(tmp_path / 'gt.json', boxes, [1, 1, 0], categories=('RBC', 'WBC'), ids=(9, 3))
    found = sample(boxes, [0, 0, 2], [0.9, 0.8, 0.7])
    ours = evaluate(SmearCocoMetric(ann_file=truth), [found], classes=('WBC', 'Platelets', 'RBC'))
    assert ours['bbox_mAP'] == PERFECT
    assert 'bbox_Platelets_AP' not in ours  # not in the file: neither counted nor a fault


@pytest.mark.parametrize('backend', BACKENDS)
def test_each_class_has_its_own_precision_whatever_its_id(tmp_path, backend):
    boxes = grid(3)
    truth = write_truth(tmp_path / 'gt.json', boxes, [1, 1, 0], categories=('RBC', 'WBC'), ids=(9, 3))
    found = sample(boxes[:2], [1, 1], [0.9, 0.8])  # all white cells, no red one
    ours = evaluate(SmearCocoMetric(ann_file=truth, backend=backend), [found], classes=('RBC', 'WBC'))
    assert (ours['bbox_WBC_AP'], ours['bbox_RBC_AP']) == (PERFECT, 0)
    assert ours['bbox_mAP'] == pytest.approx(0.5)


@pytest.mark.parametrize('backend', BACKENDS)
def test_nothing_found_and_nothing_there(tmp_path, backend):
    truth = write_truth(tmp_path / 'gt.json', grid(2), [0, 1], images=2)
    nothing = [sample([], [], [], image) for image in (0, 1)]
    ours = evaluate(SmearCocoMetric(ann_file=truth, backend=backend), nothing)
    assert ours['bbox_mAP'] == ours['bbox_RBC_AP50'] == 0.0

    empty = write_truth(tmp_path / 'empty.json', [], [])
    found = sample(grid(2), [0, 0], [0.5, 0.4])
    assert evaluate(SmearCocoMetric(ann_file=empty, backend=backend), [found])['bbox_mAP'] == -1
    assert evaluate(SmearCocoMetric(ann_file=empty, backend=backend), [sample([], [], [])])['bbox_mAP'] == -1


def test_only_evaluated_images_count(tmp_path):
    truth = json.loads(Path(write_truth(tmp_path / 'gt.json', grid(4), [0] * 4, images=2)).read_text())
    truth['annotations'][3]['image_id'] = 1
    (tmp_path / 'gt.json').write_text(json.dumps(truth))
    found = sample(grid(4)[:3], [0] * 3, [0.9] * 3)
    assert evaluate(SmearCocoMetric(ann_file=str(tmp_path / 'gt.json')), [found])['bbox_mAP'] == PERFECT


def test_ground_truth_from_a_dataset():
    class Data:
        metainfo = dict(classes=('RBC', 'WBC'))

        def __len__(self):
            return 1

        def get_data_info(self, index):
            square = [[0, 0, 40, 0, 40, 40, 0, 40]]
            return dict(
                img_id=0,
                height=400,
                width=400,
                instances=[
                    dict(bbox=[0, 0, 40, 40], bbox_label=0, ignore_flag=0, mask=square),
                    dict(bbox=[100, 100, 110, 110], bbox_label=1, ignore_flag=0),
                    dict(bbox=[200, 200, 210, 210], bbox_label=1, ignore_flag=1),
                ],
            )

    metric = SmearCocoMetric()
    with pytest.raises(InputError, match='no ground truth'):
        metric.process({}, [sample([], [], [])])
    metric.set_dataset(Data())
    ours = evaluate(metric, [sample([(0, 0, 40, 40), (100, 100, 10, 10)], [0, 1], [0.9, 0.8])])
    assert ours['bbox_mAP'] == ours['bbox_mAP_m'] == ours['bbox_mAP_s'] == PERFECT


def test_crowd_of_runs_as_numbers_and_images_of_one_id():
    runs = dict(size=[400, 400], counts=[400 * 10, 400 * 20, 400 * 370])

    class Data:
        metainfo = dict(classes=('RBC', 'WBC'))
        images = 1

        def __len__(self):
            return self.images

        def get_data_info(self, index):
            crowd = dict(bbox=[10, 0, 30, 400], bbox_label=0, ignore_flag=1, mask=runs)
            cell = dict(bbox=[100, 100, 110, 110], bbox_label=0, ignore_flag=0)
            path = f'{index}/a.png'
            return dict(img_id=7, img_path=path, height=400, width=400, instances=[crowd, cell])

    metric = SmearCocoMetric()
    metric.set_dataset(Data())
    found = sample([(12, 0, 10, 40), (100, 100, 10, 10)], [0, 0], [0.9, 0.8], image=7)
    assert evaluate(metric, [found])['bbox_mAP'] == PERFECT
    both = Data()
    both.images = 2
    with pytest.raises(InputError, match=r'0/a\.png and 1/a\.png have the id 7; give each data set a loader'):
        SmearCocoMetric().set_dataset(both)


def test_plain_coco_without_optional_keys(tmp_path):
    truth = json.loads(Path(write_truth(tmp_path / 'gt.json', grid(2), [0, 1])).read_text())
    for row in truth['annotations']:
        del row['iscrowd'], row['area']
    (tmp_path / 'gt.json').write_text(json.dumps(truth))
    found = sample(grid(2), [0, 1], [0.9, 0.8])
    assert evaluate(SmearCocoMetric(ann_file=str(tmp_path / 'gt.json')), [found])['bbox_mAP'] == PERFECT


def test_wrong_arguments():
    with pytest.raises(InputError, match='proposal'):
        SmearCocoMetric(metric='proposal')
    with pytest.raises(InputError, match='backend'):
        SmearCocoMetric(backend='other')


@pytest.mark.parametrize(('most', 'budget'), [(0, 100), (100, 100), (101, 200), (200, 300), (400, 600)])
def test_detection_budget(most, budget):
    assert detection_budget(most) == budget


def test_masks_are_ranked_by_their_own_scores():
    """The good mask has the lower box score and the higher mask score."""
    square = [[0, 0, 40, 0, 40, 40, 0, 40]]

    class Data:
        metainfo = dict(classes=('RBC', 'WBC'))

        def __len__(self):
            return 1

        def get_data_info(self, index):
            instance = dict(bbox=[0, 0, 40, 40], bbox_label=0, ignore_flag=0, mask=square)
            return dict(img_id=0, height=400, width=400, instances=[instance])

    found = sample([(0, 0, 40, 40), (0, 0, 40, 40)], [0, 0], [0.9, 0.8])
    masks = torch.zeros(2, 400, 400, dtype=torch.bool)
    masks[0, 200:240, 200:240] = masks[1, :40, :40] = True
    found['pred_instances']['masks'] = masks
    expected = {None: 0.5, (0.3, 0.6): 1.0, (0.6, 0.3): 0.5}
    for scores, value in expected.items():
        if scores is not None:
            found['pred_instances']['mask_scores'] = torch.tensor(scores)
        metric = SmearCocoMetric(metric=['bbox', 'segm'])
        metric.set_dataset(Data())
        ours = evaluate(metric, [found])
        assert ours['segm_mAP'] == pytest.approx(value, abs=1e-12)
        assert ours['bbox_mAP'] == PERFECT


@pytest.mark.parametrize('backend', BACKENDS)
def test_detections_of_a_class_that_is_not_annotated_are_no_errors(tmp_path, backend):
    # Image 0 annotates both classes, image 1 (without objects) only WBC: its two RBC are unknown.
    truth = write_truth(tmp_path / 'truth.json', grid(2), [0, 1], images=2)
    samples = [
        sample(grid(2), [0, 1], [0.6, 0.7]),
        {**sample(grid(2), [0, 0], [0.9, 0.8], image=1), 'annotated': (1,)},
    ]
    metric = SmearCocoMetric(ann_file=truth, metric='bbox', backend=backend)
    result = evaluate(metric, samples)
    assert result['bbox_RBC_AP'] == PERFECT and result['bbox_WBC_AP'] == PERFECT
    samples[1]['annotated'] = (0, 1)
    assert evaluate(metric, samples)['bbox_RBC_AP50'] == pytest.approx(1 / 3, abs=1e-6)
    assert len(samples[1]['pred_instances']['labels']) == 2


def test_unmatched_detections_on_partly_labelled_images_do_not_count(tmp_path):
    truth = write_truth(tmp_path / 'truth.json', grid(2), [0, 0])
    found = sample(grid(4), [0] * 4, [0.5, 0.4, 0.9, 0.8])  # two better ones where nothing is labelled
    metric = SmearCocoMetric(ann_file=truth, metric='bbox')
    assert evaluate(metric, [found])['bbox_RBC_AP'] == pytest.approx(0.5, abs=0.01)
    partly = {**found, 'partly_labelled': True}
    assert evaluate(metric, [partly])['bbox_RBC_AP'] == PERFECT
    missed = {**sample(grid(1), [0], [0.5]), 'partly_labelled': True}
    assert evaluate(metric, [missed])['bbox_RBC_AP'] == pytest.approx(0.5, abs=0.01)
    other = SmearCocoMetric(ann_file=truth, metric='bbox', backend='faster_coco_eval')
    with pytest.raises(InputError, match=r"1 images are labelled in part.*backend='pycocotools'"):
        evaluate(other, [partly])


@pytest.mark.parametrize('backend', BACKENDS)
def test_ids_of_objects_may_begin_at_0(tmp_path, backend):
    path = tmp_path / 'gt.json'
    document = json.loads(Path(write_truth(path, grid(1), [0])).read_text())
    document['annotations'][0]['id'] = 0
    path.write_text(json.dumps(document))
    found = evaluate(SmearCocoMetric(ann_file=str(path), backend=backend), [sample(grid(1), [0], [0.9])])
    assert found['bbox_mAP'] == PERFECT
