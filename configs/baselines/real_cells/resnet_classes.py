# mmpretrain's ResNet-18 on the classes of the PBC cells alone.
_base_ = [
    '../../_base_/models/resnet18_tiny.py',
    '../../_base_/datasets/real_cells_small.py',
    '../../_base_/schedules/schedule_real_cells.py',
    '../../_base_/baseline_runtime.py',
]
pack = [dict(type='mmpretrain.PackInputs')]
metric = dict(type='CellClassMetric', prefix='class')

train_pipeline = [_base_.load, _base_.to_cell, *_base_.change, *pack]
test_pipeline = [_base_.load, _base_.to_cell, *pack]
train_dataloader = dict(
    batch_size=8,
    batch_sampler=dict(composition=[dict(cells=8), dict(cells=8)], steps=100),
    dataset=dict(
        datasets=dict(_delete_=True, cells=dict(_base_.cells_train, pipeline=train_pipeline)),
    ),
)
val_dataloader = dict(
    _delete_=True, cells=dict(_base_.loader, dataset=dict(_base_.cells_val, pipeline=test_pipeline))
)
test_dataloader = dict(
    _delete_=True, cells=dict(_base_.loader, dataset=dict(_base_.cells_test, pipeline=test_pipeline))
)
val_evaluator = dict(_delete_=True, cells=metric)
test_evaluator = dict(_delete_=True, cells=metric)
