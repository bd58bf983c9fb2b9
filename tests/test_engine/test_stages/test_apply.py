"""The config that a stage becomes."""

import pytest
from mmengine.config import Config

from unihema_mm.engine.stages import apply_stage
from unihema_mm.utils.errors import InputError

from .prepared_folders import box, image, write_split


@pytest.fixture
def root(tmp_path):
    for split in ('train', 'val', 'test'):
        boxes = [box(1, 1), box(2, 1, 2)]
        write_split(tmp_path / 'fields', split, [image(1, 'det')], ('RBC', 'WBC'), boxes)
        cells = [image(1, 'cls', class_name='neutrophil')]
        write_split(tmp_path / 'cells', split, cells, ('neutrophil', 'monocyte', 'lymphocyte'))
    return tmp_path


def stage_config(root, **stage):
    boxes = dict(type='SmearDetDataset', pipeline=[])
    cells = dict(type='SmearCellDataset', pipeline=[])
    return Config(
        dict(
            work_dir='runs/stage3',
            model=dict(bbox_head=dict(num_classes=80), tasks=dict(cls=dict(num_classes=45))),
            stage=dict(number=3, name='vision', trains=['encoder'], tasks=dict(det=2, cls=1)) | stage,
            stage_data=dict(
                root=str(root),
                det=dict(
                    train=boxes, test=boxes, evaluator=dict(type='A'), classes='prepared', head='bbox_head'
                ),
                cls=dict(
                    train=cells, test=cells, evaluator=dict(type='B'), classes='prepared', head='tasks.cls'
                ),
                morph=dict(train=boxes, test=boxes, evaluator=dict(type='C'), classes='prepared'),
            ),
            val_cfg=dict(type='MultiSetValLoop'),
            test_cfg=dict(type='MultiSetTestLoop'),
            custom_hooks=[dict(type='TrainableTableHook')],
        )
    )


def test_other_configs_are_left_alone(capsys):
    cfg = Config(dict(model=dict(type='UniHema')))
    assert apply_stage(cfg) is None
    assert dict(cfg) == dict(model=dict(type='UniHema')) and not capsys.readouterr().out


def test_a_stage_becomes_a_complete_config(root, capsys, tmp_path):
    cfg = stage_config(root, starts_from=[dict(stage=1, modules=['encoder'])], initialised=['bbox_head'])
    assert apply_stage(cfg).number == 3
    assert cfg.model.trained == ['encoder']
    assert cfg.model.bbox_head.num_classes == 2 and cfg.model.tasks.cls.num_classes == 3
    assert [*cfg.train_dataloader.dataset.datasets] == ['det_fields', 'cls_cells']
    assert cfg.auto_scale_lr == dict(enable=False, base_batch_size=3)
    assert [*cfg.val_dataloader] == [*cfg.test_evaluator] == ['det_fields', 'cls_cells']
    assert cfg.custom_hooks[-1] == dict(
        type='StageStartHook',
        starts=[dict(checkpoint='runs/stage1', modules=['encoder'])],
        initialised=['bbox_head'],
    )
    assert 'stage 3, vision: trains encoder' in capsys.readouterr().out
    # What the runner writes is no stage any more, so that it is not applied twice.
    cfg.dump(tmp_path / 'dumped.py')
    assert apply_stage(Config.fromfile(tmp_path / 'dumped.py')) is None
    assert cfg.stage_name == '3: vision'


def test_one_process_speaks(root, capsys, monkeypatch):
    monkeypatch.setenv('RANK', '1')
    apply_stage(stage_config(root))
    captured = capsys.readouterr()
    assert not captured.out and not captured.err


def test_a_task_without_sets_is_left_out_beside_others(root, capsys):
    cfg = stage_config(root, tasks=dict(det=2, morph=1))
    apply_stage(cfg)
    assert cfg.train_dataloader.batch_sampler.composition == dict(det=2)
    assert 'warning: morph: is not trained, no prepared set has it' in capsys.readouterr().err


def test_no_sets_at_all(root):
    with pytest.raises(InputError, match=r'to train the task morph.*prepare_data\.py list --task morph'):
        apply_stage(stage_config(root, tasks=dict(morph=1)))


def test_stage_without_data(root):
    cfg = stage_config(root)
    cfg.pop('stage_data')
    with pytest.raises(InputError, match='stage_data: is None'):
        apply_stage(cfg)


def test_head_that_the_model_lacks(root):
    cfg = stage_config(root)
    cfg.stage_data.cls.head = 'tasks.cells'
    with pytest.raises(InputError, match=r"stage_data\.cls\.head: the model has no 'tasks\.cells'"):
        apply_stage(cfg)


def test_nothing_to_validate_on(tmp_path):
    write_split(tmp_path / 'fields', 'train', [image(1, 'det')], ('RBC',), [box(1, 1)])
    cfg = stage_config(tmp_path, tasks=dict(det=2))
    apply_stage(cfg)
    assert cfg.val_dataloader is cfg.val_cfg is cfg.val_evaluator is cfg.test_cfg is None


AUTO = dict(
    train_cfg=dict(type='EpochBasedTrainLoop', max_epochs=2, val_interval=1),
    default_hooks=dict(checkpoint=dict(type='SafeCheckpointHook', interval=1, save_best=None)),
)


def test_a_stage_that_ends_by_its_validation(root, capsys):
    cfg = stage_config(root, schedule='auto')
    cfg.merge_from_dict(AUTO)
    assert apply_stage(cfg).schedule is not None
    assert cfg.train_cfg == dict(type='CheckedTrainLoop', max_epochs=2, checks=10)
    assert cfg.default_hooks.checkpoint == dict(
        type='SafeCheckpointHook', interval=1, save_best='stage/score', rule='greater', result='best'
    )
    hooks = {hook['type']: hook for hook in cfg.custom_hooks}
    assert hooks['MoveOnHook'] == dict(type='MoveOnHook', tasks=['det', 'cls'], patience=3, min_delta=0.2)
    assert 'too good' not in capsys.readouterr().err


def test_a_fixed_stage_has_nothing_of_it(root):
    cfg = stage_config(root, schedule='fixed')
    cfg.merge_from_dict(AUTO)
    apply_stage(cfg)
    assert cfg.train_cfg == AUTO['train_cfg'] and cfg.default_hooks == AUTO['default_hooks']


def test_a_test_list_that_ends_a_stage_is_told(root, capsys):
    (root / 'cells' / 'annotations' / 'val.json').unlink()
    cfg = stage_config(root, schedule=dict(type='auto', checks=20))
    cfg.merge_from_dict(AUTO)
    apply_stage(cfg)
    assert cfg.train_cfg.checks == 20
    said = capsys.readouterr().err
    assert 'cls_cells: its test list ends the stage' in said and 'det_fields: its' not in said


def test_what_auto_cannot_do_without(root):
    cfg = stage_config(root, schedule='auto')
    cfg.train_cfg = dict(type='IterBasedTrainLoop', max_iters=10)
    with pytest.raises(InputError, match=r"needs train_cfg\.type='EpochBasedTrainLoop'"):
        apply_stage(cfg)
    for path in root.glob('*/annotations/[vt]*.json'):
        if path.stem != 'train':
            path.unlink()
    cfg = stage_config(root, schedule='auto')
    cfg.merge_from_dict(AUTO)
    with pytest.raises(
        InputError, match=r"schedule: 'auto' needs a set with a val or test list for det, cls"
    ):
        apply_stage(cfg)
