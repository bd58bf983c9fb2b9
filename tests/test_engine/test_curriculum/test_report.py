"""The report, from hand-made files."""

import json

import pytest

from unihema_mm.engine.curriculum.curves import draw_curves
from unihema_mm.engine.curriculum.evaluated import EvaluatedSet
from unihema_mm.engine.curriculum.paper_table import paper_results, result_groups
from unihema_mm.engine.curriculum.report import task_matrix, write_report
from unihema_mm.engine.curriculum.scalars import read_losses
from unihema_mm.engine.curriculum.stage_folder import StageFolder
from unihema_mm.evaluation.shown_metrics import shown_metrics

from .parts import planned, result, write_scalars

CELLS = ('cls_cells', 'cls', 'cells', 'toy_cells')
FIELDS = ('det_bccd', 'det', 'bccd', 'bccd')
TEXTS = ('vqa_cells', 'vqa', 'cells', 'toy_cells')


def test_paper_table_is_complete():
    content = paper_results()
    assert [len(group['rows']) for group in content['groups']] == [12, 4, 2, 6, 2]
    for group in content['groups']:
        for row in group['rows']:
            assert len(row['paper']) == len(group['models']), row
        assert all(group['metric'] in shown_metrics()[task] for task in group['tasks'])


@pytest.mark.parametrize(
    ('group', 'model', 'mean'),
    [
        (0, 'Uni-Hema', 61.1),
        (0, 'DINO', 60.4),
        (0, 'YOLO', 59.4),
        (1, 'Uni-Hema', 77.2),
        (1, 'AttriDet', 62.6),
        (2, 'Uni-Hema', 92.5),
        (2, 'DinoBloom-S', 91.5),
        (3, 'Uni-Hema', 91.7),
        (3, 'U-Net', 84.5),
        (3, 'NanoNet', 80.8),
        (3, 'TransNetR', 93.7),
    ],
)
def test_figures_have_the_printed_means(group, model, mean):
    group = paper_results()['groups'][group]
    values = [row['paper'][group['models'].index(model)] for row in group['rows']]
    assert sum(values) / len(values) == pytest.approx(mean, abs=0.0501)


def test_results_beside_the_paper():
    sets = [EvaluatedSet(*item) for item in (CELLS, FIELDS, TEXTS)]
    metrics = {'cls_cells/weighted_f1': 0.25, 'det_bccd/bbox_mAP_50': 0.5, 'vqa_cells/bleu4': 60.0}
    groups = {group['title']: group['rows'] for group in result_groups(sets, metrics)}
    rows = {row['name']: row for row in groups['Detection, mAP50']}
    assert rows['BCCD'] == dict(name='BCCD', ours=50.0, paper=[87.8, 89.5, 88.1, None])
    assert rows['TXL-PBC']['ours'] is None and 'det_bccd' not in rows
    assert groups['Classification of single cells, F1'][-1] == dict(
        name='cls_cells', ours=25.0, paper=[None] * 5
    )
    assert groups['Questions and sentences, BLEU-4'][-1]['ours'] == 60.0


def test_folders_that_stand_for_the_same_row_are_told_apart():
    sets = [EvaluatedSet('det_a', 'det', 'a', 'bccd'), EvaluatedSet('det_b', 'det', 'b', 'bccd')]
    rows = result_groups(sets, {'det_a/bbox_mAP_50': 0.5, 'det_b/bbox_mAP_50': -1.0})[0]['rows']
    assert [(row['name'], row['ours']) for row in rows if 'BCCD' in row['name']] == [
        ('BCCD (det_a)', 50.0),
        ('BCCD (det_b)', None),
    ]


def test_matrix_compares_with_the_last_test():
    stages = [
        result(1, [CELLS], {'cls_cells/weighted_f1': 0.9}),
        result(2, [TEXTS], {'vqa_cells/bleu4': 40.0}),
        result(3, [CELLS, FIELDS], {'cls_cells/weighted_f1': 0.7, 'det_bccd/bbox_mAP_50': -1.0}),
    ]
    assert task_matrix(stages) == [
        {
            'set': 'cls_cells',
            'metric': 'weighted_f1',
            'values': {'1': 90.0, '3': 70.0},
            'changes': {'3': -20.0},
        },
        {'set': 'vqa_cells', 'metric': 'bleu4', 'values': {'2': 40.0}, 'changes': {}},
    ]


def test_losses_of_a_continued_run(tmp_path):
    write_scalars(tmp_path, '20260101_000000', [dict(step=1, loss=3.0), dict(step=2, loss=9.0), '{"ste'])
    later = [{'step': 2, 'loss': 2.0, 'cls.loss': 1.0}, {'step': 1, 'cls/accuracy': 1.0}]
    write_scalars(tmp_path, '20260101_000100', later)
    assert [(line['step'], line['loss']) for line in read_losses(tmp_path)] == [(1, 3.0), (2, 2.0)]
    assert draw_curves(tmp_path, 'title')
    assert (tmp_path / 'curves.png').read_bytes().startswith(b'\x89PNG')


def test_no_losses(tmp_path):
    assert not draw_curves(tmp_path, 'title') and not (tmp_path / 'curves.png').exists()


def test_report_of_finished_stages(tmp_path):
    stages = [planned(tmp_path, number) for number in (1, 2, 3)]
    for stage, (sets, metrics) in zip(
        stages,
        (([CELLS], {'cls_cells/weighted_f1': 0.9}), ([CELLS], {'cls_cells/weighted_f1': 0.8})),
        strict=False,
    ):
        folder = StageFolder(stage.folder)
        folder.begin({})
        folder.write_result(result(stage.declared.number, sets, metrics))
    second = stages[1].folder
    write_scalars(second, 'run', [dict(step=10, loss=3.0, memory=2048)])
    (second / 'trained_parameters.json').write_text(json.dumps(dict(encoder=dict(trained=1234, frozen=5))))
    parts = [
        dict(part='encoder', source='work/stage1/iter_20.pth', tensors=2, parameters=1239, pretrained=None),
        dict(part='backbone', source=None, tensors=1, parameters=7, pretrained='torchvision://resnet50'),
    ]
    checks = [[4, 30.0], [8, 45.25], [12, 45.3], [16, 45.2]]
    moved_on = dict(steps=16, planned=40, reason='it has not improved', checks=checks)
    (second / 'moved_on.json').write_text(json.dumps(moved_on))
    (second / 'start_report.json').write_text(json.dumps(dict(parts=parts, starts=[])))

    write_report(tmp_path, stages)
    text = (tmp_path / 'report.md').read_text()
    for line in (
        'For research use only.',
        '2 of 3 stages are finished.',
        '| 1: part 1 | cls 2 | 20 | 0:01:00 | 0:00:30 | 3 |',
        '| 2: part 2 | cls 2 | 16 of 40 | 0:01:00 | 0:00:30 | 3 |',
        '| cls_cells | weighted_f1 | 90.0 | 80.0 (-10.0) |',
        '## Results after stage 2, beside Table 1 of the Uni-Hema paper',
        '| BCCD | - | 87.8 | 89.5 | 88.1 | - |',
        '| cls_cells | 80.0 | - | - | - | - | - |',
        '- fixed schedule: it has reached its planned length',
        '- moved on after 16 of 40 steps: it has not improved; 4 checks, the best score 45.3 %',
        '| encoder | 1,234 | 5 |',
        '| encoder | stage1/iter_20.pth | 2 | 1,239 |',
        '| backbone | initialised (torchvision://resnet50) | 1 | 7 |',
        '- peak memory on the GPU: 2,048 MB',
        '![losses of stage 2](stage2/curves.png)',
        '| cls_cells | toy_cells | weighted_f1 | 80.0 |',
    ):
        assert line in text
    content = json.loads((tmp_path / 'report.json').read_text())
    assert content['stages'][1]['gpu_memory_mb'] == 2048 and content['stages'][0]['curves'] is None


def test_report_of_nothing(tmp_path):
    write_report(tmp_path, [planned(tmp_path)])
    assert '0 of 1 stages are finished' in (tmp_path / 'report.md').read_text()
