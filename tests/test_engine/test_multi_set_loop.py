"""Validation and test over several named data sets."""

import re

import pytest
import torch
from mmengine.config import Config, ConfigDict
from torch import multiprocessing

from unihema_mm.engine.hooks import SameTasksHook
from unihema_mm.engine.loops import evaluation_sets, results_table
from unihema_mm.engine.testing import dump_predictions, select_sets, use_tta
from unihema_mm.utils.errors import InputError

from .multi_set_parts import COUNTS, Record, Score, loaders, make_runner, run_rank

GAINS = dict(gains=dict(vqa='vqa_text_only'))
EXPECTED = {
    'vqa/score': 1.5,  # (1 + 2 + 3 + 4 + 5) / 10
    'vqa/samples': 5,
    'vqa_text_only/score': 1.0,
    'vqa_text_only/samples': 5,
    'seg/score': 0.1,
    'seg/samples': 1,
    'vqa/image_gain_score': 0.5,
    'vqa/image_gain_samples': 0,
}


def test_each_set_has_its_loader_and_metrics(tmp_path):
    record = Record()
    runner = make_runner(tmp_path, loop=GAINS, custom_hooks=[record])
    assert runner.test() == pytest.approx(EXPECTED)
    names = ['vqa'] * 3 + ['vqa_text_only'] * 3 + ['seg']
    sizes = [2, 2, 1, 2, 2, 1, 1]
    assert record.seen[:-1] == list(zip(names, range(7), names, sizes, strict=True))
    assert record.seen[-1] == sorted(EXPECTED)
    assert len(runner.test_dataloader) == len(list(runner.test_dataloader)) == 7
    assert not runner.model.training and runner.test_loop.current is None

    log = next(tmp_path.glob('*/*.log')).read_text()
    assert 'test: data set vqa_text_only (2 of 3), 5 samples in 3 batches' in log
    assert re.findall(r'Epoch\(test\) \[ *(\d)/7\]', log) == [*'1234567', '7']
    assert re.search(r'\[7/7\] .*vqa/image_gain_score: 0\.5', log)


def test_best_checkpoint_by_a_metric_of_a_set(tmp_path):
    train = dict(loaders(dict(train=2))['train'])
    checkpoint = dict(type='SafeCheckpointHook', save_best='vqa/score', rule='greater')
    runner = make_runner(
        tmp_path,
        split='val',
        train_dataloader=train,
        train_cfg=dict(by_epoch=True, max_epochs=1),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
        default_hooks=dict(checkpoint=checkpoint),
    )
    runner.train()
    assert (tmp_path / 'best_vqa_score_epoch_1.pth').is_file()
    assert [part.name for part in evaluation_sets(runner.val_loop)] == list(COUNTS)


@pytest.mark.parametrize('fp16', [True, False])
def test_mixed_precision(tmp_path, fp16):
    runner = make_runner(tmp_path, loop=dict(fp16=fp16))
    runner.test()
    assert runner.model.autocast is fp16


class Prefixed(Score):
    def __init__(self):
        super().__init__(prefix='own')


def test_a_prefix_of_the_config_stays(tmp_path):
    assert 'seg/own/score' in make_runner(tmp_path, metrics=Prefixed).test()


class Other(Score):
    default_prefix = 'other'


class Bare(Score):
    default_prefix = None


def test_further_metrics_keep_their_prefix(tmp_path):
    evaluator = {name: [Score(), Other()] for name in COUNTS}
    metrics = make_runner(tmp_path, test_evaluator=evaluator).test()
    assert metrics['seg/score'] == metrics['seg/other/score'] == 0.1


def test_two_metrics_with_the_same_key(tmp_path):
    runner = make_runner(tmp_path, test_evaluator={name: [Score(), Bare()] for name in COUNTS})
    with pytest.raises(InputError, match=r"data set vqa: two of its metrics give 'vqa/score'; set prefix"):
        runner.test()


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(test_dataloader=loaders()['vqa']), r"test_dataloader: 'batch_size' is not the name"),
        (dict(test_dataloader={**loaders(), 'batch_size': 2}), r"'batch_size' is not .* _delete_=True"),
        (dict(test_dataloader={'a/b': loaders()['vqa']}), r"'a/b' cannot name a data set"),
        (dict(test_dataloader=dict(dataset=loaders()['seg'])), r"'dataset' is not the name of a data set"),
        (dict(test_dataloader={}), r'test_dataloader: must give each data set a name'),
        (dict(test_evaluator=dict(type='Score')), r"test_evaluator: 'type' is not the name"),
        (dict(test_evaluator=[Score()]), r'test_evaluator: must give each data set a name'),
        (dict(test_evaluator=dict(vqa=Score(), seg=[])), r"test_evaluator: '\w+' is not the name"),
        (dict(test_evaluator=dict(vqa=[Score()])), r"test_evaluator: has no 'vqa_text_only', 'seg', which"),
        (dict(test_dataloader=loaders(dict(vqa=1))), r"test_dataloader: has no 'vqa_text_only', 'seg'"),
        (dict(loop=dict(gains=dict(vqa='text'))), r"test_cfg\.gains: data set 'text' is not one of 'vqa'"),
        (dict(loop=dict(gains=dict(vqa='vqa'))), r'test_cfg\.gains: vqa is compared with itself'),
    ],
)
def test_wrong_configs(tmp_path, change, message):
    with pytest.raises(InputError, match=message):
        make_runner(tmp_path, **change).test()


class Declared(Score):
    main_metrics = ('score',)


class OfHundred(Score):
    main_metrics = ('score', 'absent')
    full_score = 100


def cells(table):
    rows = [[cell.strip() for cell in line.split('|')[1:-1]] for line in table.splitlines() if '|' in line]
    assert rows[0] == ['data set', 'samples', 'metric', 'value']
    return rows[1:]


def test_a_plain_loop_is_a_single_unnamed_set(tmp_path):
    plain = dict(test_dataloader=loaders()['seg'], test_evaluator=[Declared()], test_cfg=dict())
    runner = make_runner(tmp_path, **plain)
    metrics = runner.test()
    assert metrics == {'toy/score': 0.1, 'toy/samples': 1}
    (part,) = evaluation_sets(runner.test_loop)
    assert part.name is None and part.dataset is runner.test_dataloader.dataset
    assert cells(results_table(runner.test_loop, metrics)) == [['-', '1', 'toy/score', '10.0 %']]


def test_results_table(tmp_path):
    metrics = dict(vqa=[OfHundred()], vqa_text_only=[Declared()], seg=[Score()])
    runner = make_runner(tmp_path, loop=GAINS, test_evaluator=metrics)
    results = runner.test()
    results['vqa_text_only/score'] = -1.0  # COCO's mark of absent ground truth
    assert cells(results_table(runner.test_loop, results)) == [
        ['vqa', '5', 'score', '1.5 %'],
        ['vqa', '5', 'image_gain_score', '+0.5 %'],
        ['vqa_text_only', '5', 'score', '-'],
        ['seg', '1', 'score', '0.1000'],
        ['seg', '1', 'samples', '1.0000'],
    ]


def test_predictions_of_each_set_are_dumped(tmp_path):
    runner = make_runner(tmp_path)
    dump_predictions(runner, str(tmp_path / 'all.pkl'))
    runner.test()
    assert {path.name for path in tmp_path.glob('*.pkl')} == {f'all_{name}.pkl' for name in COUNTS}


def named_config():
    part = dict(dataset=dict(type='A', pipeline=[dict(type='Load'), dict(type='mmdet.PackDetInputs')]))
    names = ('det', 'vqa', 'vqa_text_only')
    return Config(
        dict(
            model=dict(type='M'),
            test_dataloader={name: part for name in names},
            test_evaluator={name: [dict(type='E')] for name in names},
            test_cfg=dict(type='MultiSetTestLoop', gains=dict(vqa='vqa_text_only')),
        )
    )


def test_select_sets_and_tta():
    cfg = named_config()
    with pytest.raises(InputError, match='choose it among det, vqa, vqa_text_only with --sets'):
        use_tta(cfg)
    with pytest.raises(InputError, match=r'--sets cls: .* use some of det, vqa, vqa_text_only'):
        select_sets(cfg, ['cls'])
    select_sets(cfg, ['vqa', 'vqa_text_only'])
    assert cfg.test_cfg.gains == dict(vqa='vqa_text_only')
    cfg = named_config()
    select_sets(cfg, ['det'])
    assert list(cfg.test_dataloader) == list(cfg.test_evaluator) == ['det'] and not cfg.test_cfg.gains
    boxes = dict(type='SmearCocoMetric', metric=['bbox', 'segm'], classwise=False)
    cfg.model = ConfigDict(type='M', tasks=dict(a=dict(type='DetectionTask'), b=dict(type='MorphologyTask')))
    cfg.test_evaluator.det = [boxes, dict(type='AttributeMetric')]
    cfg.test_dataloader.det.dataset.tasks = ('a', 'b')
    use_tta(cfg)
    assert cfg.test_dataloader.det.dataset.pipeline[-1].type == 'mmdet.TestTimeAug'
    assert cfg.test_dataloader.det.dataset.tasks == ('a',)
    assert cfg.test_evaluator.det == [{**boxes, 'metric': 'bbox'}]
    for changes, message in (
        (dict(test_evaluator=dict(det=[dict(type='AttributeMetric')])), 'the test has no metric of boxes'),
        (dict(model=dict(type='M', tasks=dict(a=dict(type='DetectionTask')))), 'tasks of the data set are b'),
    ):
        other = named_config()
        select_sets(other, ['det'])
        other.test_dataloader.det.dataset.tasks = ('b',)
        other.merge_from_dict(changes)
        with pytest.raises(InputError, match=message):
            use_tta(other)
    cfg.test_dataloader = ConfigDict(dataset=dict(type='A'))
    with pytest.raises(InputError, match='--sets needs several test data sets'):
        select_sets(cfg, ['det'])


def test_two_gloo_processes(tmp_path):
    """Every process runs every set and gets the metrics of all samples; different tasks end all of them."""
    multiprocessing.start_processes(run_rank, args=(2, tmp_path), nprocs=2, start_method='fork')
    for rank in range(2):
        metrics, batches, messages = torch.load(tmp_path / f'{rank}.pth')
        assert metrics == pytest.approx(EXPECTED)
        assert batches == 5  # 2, 2 and 1: the last sample is padded
        assert messages['equal'] is messages['default'] is None
        assert re.search(
            r'iteration 5: .* different tasks \(rank 0: det; rank 1: vqa, mlm\)', messages['different']
        )
        assert '(rank 0: det+vqa; rank 1: det+vqa, det)' in messages['more_groups']
        assert '(rank 0: det, inst; rank 1: inst, det)' in messages['other_order']
        assert 'rank 1: none' in messages['empty']


def test_a_single_process_has_no_other_tasks():
    SameTasksHook().before_train_iter(None, 0, dict(data_samples=[]))
